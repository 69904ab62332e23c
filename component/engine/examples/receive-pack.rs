//! `git receive-pack --stateless-rpc [--advertise-refs] DIRECTORY`, served by the engine.
//!
//! A test vehicle: reads one request from standard input and writes the response to standard
//! output. `--stale-after=SECONDS` says how old leftovers of other pushes are that it removes,
//! `--init` makes the repository first.

use std::io::{Read, Write};

use anyhow::Context as _;
use gitwasi_engine::init::{InitOptions, init_bare};
use gitwasi_engine::receive_pack::{self, AcceptAll, Identity, Options, PackSource};
use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::upload_pack::Output;
use gitwasi_engine::{Engine, Error, Limits};
use gitwasi_wire::ProtocolVersion;

struct Stdin(std::io::Stdin);

impl PackSource for Stdin {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut chunk = vec![0; 64 << 10];
        let length = self.0.read(&mut chunk).map_err(|_| Error::Aborted)?;
        chunk.truncate(length);
        Ok((length > 0).then_some(chunk))
    }
}

struct Stdout(std::io::Stdout);

impl Output for Stdout {
    async fn write(&mut self, chunk: Vec<u8>) -> Result<(), Error> {
        self.0.write_all(&chunk).and_then(|()| self.0.flush()).map_err(|_| Error::Aborted)
    }
}

fn main() -> anyhow::Result<()> {
    let mut advertise = false;
    let mut init = false;
    let mut directory = None;
    let mut options = Options::new(Identity::new("anonymous", "anonymous@example.com"));
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--advertise-refs" | "--http-backend-info-refs" => advertise = true,
            "--init" => init = true,
            option if option.starts_with("--stale-after=") => {
                options.stale_after = option["--stale-after=".len()..].parse()?;
            }
            option if option.starts_with("--") => {}
            name => directory = Some(std::path::absolute(name)?),
        }
    }
    let directory = directory.context("usage: receive-pack [--advertise-refs] DIRECTORY")?;
    let root = directory.parent().context("a directory below another")?;
    let name = directory.file_name().and_then(|name| name.to_str()).context("a name")?;
    let version = std::env::var("GIT_PROTOCOL").unwrap_or_default();
    let version = ProtocolVersion::from_header(version.as_bytes());

    let engine = Engine::new(NativeStorage::new(root), Limits::default());
    let mut output = Stdout(std::io::stdout());
    block_on(async {
        if init {
            init_bare(&engine, name, &InitOptions::default()).await?;
        }
        let repository = engine.open(name).await?;
        if advertise {
            return receive_pack::advertise(&repository, version, &mut output).await;
        }
        let mut input = Stdin(std::io::stdin());
        let mut gate = AcceptAll;
        receive_pack::serve(&repository, &mut input, &mut gate, &options, &mut output).await?;
        Ok(())
    })?;
    Ok(())
}
