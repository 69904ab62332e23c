//! Who is to blame for an error.

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client misbehaved.
    Client,
    /// The client may be right, but asks for more than a limit allows.
    Limit,
    /// We are broken.
    Ours,
}
