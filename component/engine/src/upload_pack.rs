//! `git-upload-pack`: advertisements, `ls-refs` and `fetch`, stateless.
//!
//! A request is parsed as it arrives and kept until it is answered; the response goes out as it is
//! made.
//!
//! Spec: gitprotocol-pack(5), gitprotocol-v2(5), gitprotocol-capabilities(5)

mod advertise;
mod alive;
mod bundle_uri;
mod capabilities;
mod fetch;
mod fetch_args;
mod filter;
mod input;
mod ls_refs;
mod negotiate;
mod object_info;
mod output;
mod packfile_uris;
mod revision;
mod select;
mod send_pack;
mod shallow;
pub(crate) mod turns;
mod v0;

use gitwasi_wire::ProtocolVersion;
use gitwasi_wire::pkt_line::{self, TooLong};
use gitwasi_wire::upload_pack::v2::Command;

pub use filter::Filter;
pub use input::Input;
pub use output::Output;

use crate::storage::Storage;
use crate::working_memory::Lease;
use crate::{Error, Repository, Result};
use output::Response;

/// How this server calls itself.
const AGENT: &str = concat!("gitwasi/", env!("CARGO_PKG_VERSION"));

/// Writes the ref advertisement, or version 2's capability advertisement.
pub async fn advertise<S: Storage>(
    repository: &Repository<S>,
    version: ProtocolVersion,
    output: &mut impl Output,
) -> Result<()> {
    let mut response = Response::new(output);
    match version {
        ProtocolVersion::V2 => {
            capabilities::v2(repository).encode(response.buffer()).map_err(does_not_fit)?;
        }
        ProtocolVersion::V1 => {
            line(b"version 1\n", response.buffer())?;
            advertise::refs(repository, &mut response).await?;
        }
        ProtocolVersion::V0 => advertise::refs(repository, &mut response).await?,
    }
    response.finish().await
}

/// Answers one request.
///
/// # Errors
/// What the client is to blame for, or has to know, has been told to it in an `ERR` pkt-line
/// or, once the packfile section has begun, on band 3; the error is returned as well. Of
/// [`Error::NoRequest`] nothing has been told: there is still time for a status.
///
/// # Cancel safety
/// Dropping the future ends the response short, which no client takes for whole: it ends neither
/// with a flush-pkt nor, within a pack, with the pack's checksum.
pub async fn serve<S: Storage>(
    repository: &Repository<S>,
    version: ProtocolVersion,
    mut request: impl Input,
    output: &mut impl Output,
) -> Result<()> {
    let mut response = Response::new(output);
    let outcome = answer(repository, version, &mut request, &mut response).await;
    if let Err(error) = &outcome {
        response.fail(error).await?;
    }
    response.finish().await?;
    outcome
}

async fn answer<S: Storage, O: Output>(
    repository: &Repository<S>,
    version: ProtocolVersion,
    request: &mut impl Input,
    response: &mut Response<'_, O>,
) -> Result<()> {
    let limits = &repository.engine.limits;
    // For what the request asks for, as long as it is answered.
    let mut lease = Lease::new(&repository.memory);
    if version != ProtocolVersion::V2 {
        let advertised = capabilities::v0(repository, None);
        return match input::v0(request, &advertised, limits, &mut lease).await? {
            Some(request) => v0::serve(repository, *request, response).await,
            None => Ok(()),
        };
    }
    let accepted = capabilities::accepted(repository);
    let Some(request) = input::v2(request, accepted, limits, &mut lease).await? else {
        return Ok(());
    };
    match request.command {
        Command::LsRefs(arguments) => ls_refs::serve(repository, &arguments, response).await,
        Command::Fetch(arguments) => fetch::serve(repository, arguments, response).await,
        Command::ObjectInfo(arguments) => {
            object_info::serve(repository, &arguments, response).await
        }
        Command::BundleUri => bundle_uri::serve(repository.config(), response).await,
    }
}

/// Appends a text pkt-line that is known to fit, or whose size the repository is to blame for.
fn line(text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    pkt_line::data(text, out).map_err(does_not_fit)
}

fn does_not_fit(_: TooLong) -> Error {
    Error::corrupt("a name that fits no pkt-line")
}

fn malformed(message: &str) -> Error {
    Error::Malformed(format!("upload-pack: {message}"))
}

/// Appends a text pkt-line made of `parts` and a line feed, as [`line`] does.
#[inline]
fn line_of<const N: usize>(parts: [&[u8]; N], out: &mut Vec<u8>) -> Result<()> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let length = parts.iter().map(|part| part.len()).sum::<usize>() + 5;
    if length > pkt_line::MAX_DATA_LEN + 4 {
        return Err(Error::corrupt("a name that fits no pkt-line"));
    }
    out.reserve(length);
    out.extend([12, 8, 4, 0].map(|shift| DIGITS[length >> shift & 15]));
    for part in parts {
        out.extend_from_slice(part);
    }
    out.push(b'\n');
    Ok(())
}
