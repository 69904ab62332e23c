//! Where a request comes from.

use gitwasi_wire::Fault;
use gitwasi_wire::upload_pack::{Progress, RequestError, RequestLimits, v0, v2};

use crate::working_memory::Lease;
use crate::{Error, Limits, Result};

/// Gives the bytes of a request as they arrive.
pub trait Input {
    /// The next bytes, in order; `None` behind the last.
    ///
    /// # Errors
    /// [`Error::Aborted`] if the request did not arrive whole.
    async fn read(&mut self) -> Result<Option<Vec<u8>>>;
}

/// A request that is there already.
impl Input for &[u8] {
    async fn read(&mut self) -> Result<Option<Vec<u8>>> {
        let bytes = std::mem::take(self);
        Ok((!bytes.is_empty()).then(|| bytes.to_vec()))
    }
}

/// A request that is there already.
impl Input for &Vec<u8> {
    async fn read(&mut self) -> Result<Option<Vec<u8>>> {
        const NOTHING: &Vec<u8> = &Vec::new();
        std::mem::replace(self, NOTHING).as_slice().read().await
    }
}

/// Bytes that are kept of a request, at most, for each that arrives: an oid takes 33, twice as
/// much where its table has grown, and arrives as 45 and more.
const KEPT: usize = 2;

/// Reads a request of version 2; `None` for one that asks for nothing.
pub(super) async fn v2(
    input: &mut impl Input,
    accepted: v2::Advertisement,
    limits: &Limits,
    lease: &mut Lease,
) -> Result<Option<Box<v2::Request>>> {
    let mut parser = v2::RequestParser::new(accepted, bounds(limits));
    let mut arrived = 0;
    while let Some(bytes) = input.read().await? {
        arrived += bytes.len();
        lease.cover(KEPT * arrived)?;
        if let Progress::Complete { request, .. } = parser.push(&bytes).map_err(refused)? {
            end(input, arrived, limits).await?;
            return Ok(request);
        }
    }
    parser.finish().map_err(refused)?;
    Ok(None)
}

/// Reads a request of version 0 or 1; `None` for one that asks for nothing.
pub(super) async fn v0(
    input: &mut impl Input,
    advertised: &v0::Advertised,
    limits: &Limits,
    lease: &mut Lease,
) -> Result<Option<Box<v0::Request>>> {
    let mut parser = v0::RequestParser::new(advertised, bounds(limits));
    let mut arrived = 0;
    while let Some(bytes) = input.read().await? {
        arrived += bytes.len();
        lease.cover(KEPT * arrived)?;
        if let Progress::Complete { request, .. } = parser.push(&bytes).map_err(refused)? {
            end(input, arrived, limits).await?;
            return Ok(request);
        }
    }
    parser.finish().map_err(refused)
}

/// Reads up to the end, to know that the body arrived whole; git, too, leaves unread what is behind
/// its request.
async fn end(input: &mut impl Input, mut arrived: usize, limits: &Limits) -> Result<()> {
    while let Some(bytes) = input.read().await? {
        arrived += bytes.len();
        if arrived > limits.request {
            return Err(Error::LimitExceeded("request"));
        }
    }
    Ok(())
}

fn bounds(limits: &Limits) -> RequestLimits {
    RequestLimits { request_bytes: limits.request, ..RequestLimits::default() }
}

fn refused(error: RequestError) -> Error {
    match (error.fault(), &error) {
        (Fault::Limit, _) => Error::LimitExceeded("request"),
        (_, RequestError::PktLine(_) | RequestError::HungUp) => Error::NoRequest(error.to_string()),
        _ => Error::Malformed(error.to_string()),
    }
}
