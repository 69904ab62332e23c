//! `git upload-pack --stateless-rpc [--advertise-refs] DIRECTORY`, served by the engine.
//!
//! A test vehicle: reads one request from standard input and writes the response to standard
//! output. With `--repeat` it does so a thousand times in one instance, to be measured. The protocol version comes from `GIT_PROTOCOL`, as for git.

use std::io::{Read, Write};

use anyhow::Context as _;
use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::upload_pack::{self, Output};
use gitwasi_engine::{Engine, Error, Limits};
use gitwasi_wire::ProtocolVersion;

struct Stdout(std::io::Stdout);

impl Output for Stdout {
    async fn write(&mut self, chunk: Vec<u8>) -> Result<(), Error> {
        self.0.write_all(&chunk).map_err(|_| Error::Aborted)
    }
}

fn main() -> anyhow::Result<()> {
    let mut advertise = false;
    let mut directory = None;
    let mut repeat = 1;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--advertise-refs" | "--http-backend-info-refs" => advertise = true,
            "--repeat" => repeat = 1000,
            option if option.starts_with("--") => {}
            name => directory = Some(std::fs::canonicalize(name)?),
        }
    }
    let directory = directory.context("usage: upload-pack [--advertise-refs] DIRECTORY")?;
    let root = directory.parent().context("a directory below another")?;
    let name = directory.file_name().and_then(|name| name.to_str()).context("a name")?;
    let version = std::env::var("GIT_PROTOCOL").unwrap_or_default();
    let version = ProtocolVersion::from_header(version.as_bytes());

    let engine = Engine::new(NativeStorage::new(root), Limits::default());
    let mut output = Stdout(std::io::stdout());
    block_on(async {
        let mut request = Vec::new();
        if !advertise {
            std::io::stdin().read_to_end(&mut request).map_err(|_| Error::Aborted)?;
        }
        for _ in 0..repeat {
            let repository = engine.open(name).await?;
            if advertise {
                upload_pack::advertise(&repository, version, &mut output).await?;
            } else {
                upload_pack::serve(&repository, version, &request, &mut output).await?;
            }
        }
        Ok::<(), Error>(())
    })?;
    Ok(())
}
