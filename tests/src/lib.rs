//! End-to-end tests: real git, real sockets, real binaries.
