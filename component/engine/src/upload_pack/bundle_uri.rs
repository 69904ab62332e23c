//! The `bundle-uri` command: the configuration's `bundle.*`, as it is.
//!
//! Spec: gitprotocol-v2(5), "bundle-uri"

use gitwasi_wire::pkt_line;

use super::line;
use super::output::{Output, Response};
use crate::Result;
use crate::repository::Config;

/// Answers a `bundle-uri` command.
pub(super) async fn serve<O: Output>(
    config: &Config,
    response: &mut Response<'_, O>,
) -> Result<()> {
    for entry in &config.bundles {
        let Some(value) = &entry.value else { continue };
        let mut text = entry.key();
        text.push(b'=');
        text.extend_from_slice(value);
        line(&text, response.buffer())?;
        response.flush_if_full().await?;
    }
    pkt_line::flush(response.buffer());
    Ok(())
}
