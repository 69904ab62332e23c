//! What a repository's configuration makes the server advertise.
//!
//! Spec: gitprotocol-capabilities(5); gitprotocol-v2(5), "Capabilities"
//!
//! # Deviation
//! `sideband-all`, `packfile-uris`, `session-id`, `object-info` and `bundle-uri` are not advertised,
//! whatever the configuration says: they are not done yet.

use gitwasi_wire::pkt_line;

use super::{AGENT, line};
use crate::Result;
use crate::repository::{Config, LsRefsUnborn};

/// Appends version 2's capability advertisement, flush-pkt included.
pub(super) fn v2(config: &Config, out: &mut Vec<u8>) -> Result<()> {
    line(b"version 2\n", out)?;
    line(format!("agent={AGENT}\n").as_bytes(), out)?;
    line(
        match config.ls_refs_unborn {
            LsRefsUnborn::Advertise => b"ls-refs=unborn\n",
            LsRefsUnborn::Allow | LsRefsUnborn::Ignore => b"ls-refs\n",
        },
        out,
    )?;
    let mut fetch = "fetch=shallow wait-for-done".to_owned();
    for (on, name) in [(config.allow_filter, " filter"), (config.allow_ref_in_want, " ref-in-want")]
    {
        if on {
            fetch.push_str(name);
        }
    }
    line(format!("{fetch}\n").as_bytes(), out)?;
    line(b"server-option\n", out)?;
    line(format!("object-format={}\n", config.object_format).as_bytes(), out)?;
    pkt_line::flush(out);
    Ok(())
}

/// The capabilities of versions 0 and 1; `head` is what `HEAD` points to, if it is symbolic.
pub(super) fn v0(config: &Config, head: Option<&[u8]>) -> Vec<u8> {
    let mut out = b"multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since \
        deepen-not deepen-relative no-progress include-tag multi_ack_detailed"
        .to_vec();
    if config.allow_tip_sha1_in_want {
        out.extend(b" allow-tip-sha1-in-want");
    }
    if config.allow_reachable_sha1_in_want {
        out.extend(b" allow-reachable-sha1-in-want");
    }
    out.extend(b" no-done");
    if let Some(head) = head {
        out.extend(b" symref=HEAD:");
        out.extend(head);
    }
    if config.allow_filter {
        out.extend(b" filter");
    }
    out.extend(format!(" object-format={} agent={AGENT}", config.object_format).bytes());
    out
}
