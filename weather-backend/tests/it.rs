//! What the backend promises, over real sockets on loopback. One file a promise, one binary for all.

#[cfg(test)]
mod it {
    mod arguments;
    mod harness;
    mod log;
    mod loopback_only;
    mod nws_cache;
    mod nws_failures;
    mod nws_requests;
    mod nws_stub;
    mod program;
    mod protocol;
    mod sample;
    mod signals;
    mod sockets;
    mod stopping;
    mod streams;
    mod tools;
}
