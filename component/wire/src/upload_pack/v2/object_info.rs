//! The command `object-info`.
//!
//! Spec: gitprotocol-v2(5), "object-info"

use super::Advertisement;
use crate::upload_pack::error::push_limited;
use crate::upload_pack::{RequestError, RequestLimits};
use crate::{Oid, Quoted};

/// The arguments of `object-info`.
///
/// # Deviation
///
/// A malformed line is an error. git writes an `ERR` pkt-line into the midst of its response and
/// goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectInfo {
    /// `size`: tell the objects' sizes.
    pub size: bool,
    /// `oid`: the objects, in the client's order, some perhaps more than once.
    pub oids: Vec<Oid>,
}

impl ObjectInfo {
    pub(super) fn argument(
        &mut self,
        line: &[u8],
        advertised: &Advertisement,
        limits: &RequestLimits,
    ) -> Result<(), RequestError> {
        if line == b"size" {
            self.size = true;
            return Ok(());
        }
        let hex = line
            .strip_prefix(b"oid ")
            .ok_or_else(|| RequestError::UnexpectedObjectInfoLine(Quoted::new(line)))?;
        let oid = Oid::from_hex(hex)
            .filter(|oid| oid.object_format() == advertised.object_format)
            .ok_or_else(|| RequestError::ExpectedObjectInfoOid(Quoted::new(hex)))?;
        push_limited(&mut self.oids, oid, limits.object_info, "oids")
    }
}
