//! `git index-pack --stdin --fix-thin [--fsck-objects] [--max-input-size=N]`, by the engine.
//!
//! A test vehicle: reads a pack from standard input into a new directory of the bare repository
//! that it is given, and prints the checksum, as git does. `--unpack-limit=N` makes loose objects
//! of less, as `git receive-pack` does. Git's messages go to standard error.

use std::io::{Read, Write as _};

use anyhow::Context as _;
use gitwasi_engine::index_pack::{self, Observer, Options, PackSource, Progress, Stored};
use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::{Engine, Error, Limits, fsck};

struct Stdin(std::io::Stdin);

impl PackSource for Stdin {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut chunk = vec![0; 64 << 10];
        let length = self.0.read(&mut chunk).map_err(|_| Error::Aborted)?;
        chunk.truncate(length);
        Ok((length > 0).then_some(chunk))
    }
}

struct Stderr(std::io::Stderr);

impl Observer for Stderr {
    async fn message(&mut self, line: String) -> Result<(), Error> {
        writeln!(self.0, "{line}").map_err(|_| Error::Aborted)
    }

    async fn progress(&mut self, _progress: Progress) -> Result<(), Error> {
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let mut options = Options { fsck: None, unpack_limit: 0, ..Options::default() };
    let mut directory = None;
    for argument in std::env::args().skip(1) {
        match argument.split_once('=').unwrap_or((&argument, "")) {
            ("--fsck-objects", "") => options.fsck = Some(fsck::Severities::default()),
            ("--unpack-limit", number) => options.unpack_limit = number.parse()?,
            ("--max-input-size", number) => options.max_input_size = Some(number.parse()?),
            (name, _) => directory = Some(std::fs::canonicalize(name)?),
        }
    }
    let directory = directory.context("usage: index-pack [OPTION...] DIRECTORY < PACK")?;
    let root = directory.parent().context("a directory below another")?;
    let name = directory.file_name().and_then(|name| name.to_str()).context("a name")?;
    let quarantine = format!("incoming-{}", std::process::id());
    std::fs::create_dir(directory.join(&quarantine))?;

    let engine = Engine::new(NativeStorage::new(root), Limits::default());
    let received = block_on(async {
        let repository = engine.open(name).await?;
        let quarantine = format!("{name}/{quarantine}");
        let (mut source, mut observer) = (Stdin(std::io::stdin()), Stderr(std::io::stderr()));
        index_pack::receive(&repository, &quarantine, &mut source, &options, &mut observer).await
    });
    match received {
        Ok(received) => match received.stored {
            Stored::Pack { checksum } => println!("pack\t{checksum}"),
            Stored::Loose => println!("loose\t{}", received.objects.len()),
            Stored::Nothing => println!("nothing"),
        },
        Err(error) => {
            eprintln!("fatal: {error}");
            std::process::exit(128);
        }
    }
    Ok(())
}
