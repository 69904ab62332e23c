//! The `object-info` command.
//!
//! Spec: gitprotocol-v2(5), "object-info"

use gitwasi_wire::pkt_line;
use gitwasi_wire::upload_pack::v2::{ObjectInfo, object_info, object_info_head};

use super::output::{Output, Response};
use crate::storage::Storage;
use crate::{Error, Repository, Result};

/// Answers an `object-info` command.
///
/// As with git, any object can be asked for that is here, whatever reaches it.
pub(super) async fn serve<S: Storage, O: Output>(
    repository: &Repository<S>,
    arguments: &ObjectInfo,
    response: &mut Response<'_, O>,
) -> Result<()> {
    if !arguments.oids.is_empty() {
        object_info_head(arguments.size, response.buffer());
    }
    let odb = repository.odb();
    for oid in &arguments.oids {
        let size = match odb.find(oid).await? {
            Some(location) if arguments.size => match odb.header(oid, location).await {
                Ok((_, size)) => Some(size),
                // What cannot be read counts as what is not there.
                Err(Error::Corrupt(_)) => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        object_info(*oid, arguments.size.then_some(size), response.buffer());
        repository.engine.worked(4).await;
        response.flush_if_full().await?;
    }
    pkt_line::flush(response.buffer());
    Ok(())
}
