//! What the backend promises, over real sockets on loopback. One file a promise, one binary for all.

mod it {
    mod harness;
    mod protocol;
    mod tools;
}
