//! Who may do what: the access file, password hashes, and the decision. No HTTP, no wasm.
