//! What `git fsck` asks of an object's content, as a push is asked it.
//!
//! Looks at one object at a time and at nothing else: whether what it names exists is the
//! connectivity check's question. Never fails; finds.
//!
//! Spec: git-fsck(1), "FSCK MESSAGES"; git-config(1), "receive.fsck.<msg-id>"

mod message;
mod severities;

pub use message::{MessageId, Severity};
pub use severities::{SetError, Severities};
