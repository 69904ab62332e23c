//! Packs taken in by the engine, beside git's own `index-pack`.

use std::path::PathBuf;

use gitwasi_engine::index_pack::{self, Observer, Options, PackSource, Progress, Received, Stored};
use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::{Engine, Error, Limits, Result};

use super::Lab;

/// A pack in chunks of one size.
pub struct Chunks<'a>(pub std::slice::Chunks<'a, u8>);

impl PackSource for Chunks<'_> {
    async fn read(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(self.0.next().map(<[u8]>::to_vec))
    }
}

/// Remembers what it was told.
#[derive(Default)]
pub struct Told {
    pub messages: Vec<String>,
    pub last: Option<Progress>,
}

impl Observer for Told {
    async fn message(&mut self, line: String) -> Result<()> {
        self.messages.push(line);
        Ok(())
    }

    async fn progress(&mut self, progress: Progress) -> Result<()> {
        self.last = Some(progress);
        Ok(())
    }
}

/// What taking a pack in came to.
pub struct Taken {
    pub result: Result<Received, Error>,
    pub told: Told,
    /// The quarantine.
    pub path: PathBuf,
}

impl Taken {
    pub fn received(&self) -> &Received {
        match &self.result {
            Ok(received) => received,
            Err(error) => panic!("{error}"),
        }
    }

    /// The path of the pack without its ending.
    pub fn stem(&self) -> PathBuf {
        match self.received().stored {
            Stored::Pack { checksum } => self.path.join(format!("pack/pack-{checksum}")),
            ref other => panic!("{other:?}"),
        }
    }

    pub fn error(&self) -> &Error {
        self.result.as_ref().expect_err("an error")
    }
}

impl Lab {
    /// Takes a pack into a new quarantine of the repository `name`.
    pub fn take(&self, name: &str, pack: &[u8], options: &Options) -> Taken {
        self.take_with(name, pack, options, Limits::default(), 8192)
    }

    pub fn take_with(
        &self,
        name: &str,
        pack: &[u8],
        options: &Options,
        limits: Limits,
        chunk: usize,
    ) -> Taken {
        let path = tempfile::tempdir_in(self.path(name)).expect("a directory").keep();
        let directory = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let quarantine = format!("{name}/{directory}");
        let engine = Engine::new(NativeStorage::new(self.dir.path()), limits);
        let mut told = Told::default();
        let result = block_on(async {
            let repository = engine.open(name).await?;
            let mut source = Chunks(pack.chunks(chunk));
            index_pack::receive(&repository, &quarantine, &mut source, options, &mut told).await
        });
        Taken { result, told, path }
    }

    /// A pack of what `revs` select, as `git pack-objects` makes it.
    pub fn pack(&self, name: &str, args: &[&str], revs: &str) -> Vec<u8> {
        let mut all = vec!["pack-objects", "--stdout", "-q", "--revs"];
        all.extend(args);
        let output = self.git_with(name, &all, revs.as_bytes(), &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

/// Always a pack, never loose objects.
pub fn keep() -> Options {
    Options { unpack_limit: 0, ..Options::default() }
}
