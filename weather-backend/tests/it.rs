//! What the backend promises, over real sockets on loopback. One file a promise, one binary for all.

#[cfg(test)]
mod it {
    mod harness;
    mod loopback_only;
    mod nws_cache;
    mod nws_failures;
    mod nws_requests;
    mod nws_stub;
    mod process;
    mod protocol;
    mod sample;
    mod stopping;
    mod streams;
    mod tools;
}
