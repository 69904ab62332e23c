//! The wasmtime side of the host.
