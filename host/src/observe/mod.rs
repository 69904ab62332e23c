//! Who is told of pushes: an embedder's closure.

mod closure;

pub use closure::Closure;
