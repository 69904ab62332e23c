//! Requests to `git-receive-pack`, and the report that answers them, written and read.
//!
//! Spec: gitprotocol-pack(5), "Pushing Data To a Server"

mod advertised;
mod capabilities;
mod error;
mod head;
mod head_parser;
mod limits;
mod push_cert;
mod report_parser;
mod report_status;

pub use crate::Fault;
pub use advertised::Advertised;
pub use capabilities::Capabilities;
pub use error::HeadError;
pub use head::{Head, RefUpdate, RefUpdateKind};
pub use head_parser::{HeadParser, Progress};
pub use limits::HeadLimits;
pub use push_cert::PushCert;
pub use report_parser::{ReportError, ReportParser, ReportProgress};
pub use report_status::{RefOutcome, RefReport, Report, message};
