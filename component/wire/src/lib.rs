//! Git's wire messages: bytes to messages and back. No I/O.
