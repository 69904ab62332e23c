//! One repository, opened for one request.
//!
//! Spec: gitrepository-layout(5)

mod alternates;
mod config;
mod known;

use std::rc::Rc;

use gitwasi_wire::ObjectFormat;

pub use config::{Config, LsRefsUnborn, RefStorage, Setting, Settings};

pub(crate) use config::value;
pub(crate) use known::KnownRepository;

use crate::odb::Odb;
use crate::quarantine::Quarantine;
use crate::storage::{Kind, Storage};
use crate::working_memory::{Leased, Share};
use crate::{Engine, Error, Result};

/// A bare repository.
#[derive(Debug)]
pub struct Repository<S: Storage> {
    pub(crate) engine: Rc<Engine<S>>,
    /// Relative to the storage's root.
    pub(crate) path: String,
    pub(crate) config: Rc<Config>,
    pub(crate) odb: Odb<S>,
    /// The request's working memory.
    pub(crate) memory: Rc<Share>,
}

/// Where `git` itself looks for a repository of some name, in its order.
const SUFFIXES: [&str; 4] = ["/.git", "", ".git/.git", ".git"];

impl<S: Storage> Repository<S> {
    pub(crate) async fn open(engine: &Rc<Engine<S>>, name: &str) -> Result<Self> {
        let (path, config) = match known::find(engine, name).await? {
            Some(known) => (known.path.clone(), Rc::clone(&known.config)),
            None => locate(engine, name).await?,
        };
        Self::with(engine, path, config, Share::new(&engine.working_memory)).await
    }

    async fn with(
        engine: &Rc<Engine<S>>,
        path: String,
        config: Rc<Config>,
        memory: Rc<Share>,
    ) -> Result<Self> {
        let directories = alternates::object_directories(engine, &path).await?;
        let odb = Odb::open(engine, directories, config.object_format, &memory).await?;
        Ok(Self { engine: Rc::clone(engine), path, config, odb, memory })
    }

    /// The same repository with the objects of a quarantine; with `again`, it is looked anew where
    /// objects are.
    pub(crate) async fn with_quarantine(
        &self,
        quarantine: &Quarantine,
        again: bool,
    ) -> Result<Self> {
        let engine = Rc::clone(&self.engine);
        let memory = Rc::clone(&self.memory);
        let odb = if !again && quarantine.directory().is_none() {
            self.odb.shared()
        } else {
            let mut directories = match again {
                true => alternates::object_directories(&engine, &self.path).await?,
                false => self.odb.directories().to_vec(),
            };
            directories.extend(quarantine.directory().map(str::to_owned));
            Odb::open(&engine, directories, self.config.object_format, &memory).await?
        };
        let odb = odb.with_held(quarantine.held());
        Ok(Self { engine, path: self.path.clone(), config: self.config.clone(), odb, memory })
    }

    /// The repositories that objects are borrowed from, as far as they are repositories.
    pub(crate) async fn alternates(&self) -> Result<Vec<Self>> {
        let mut repositories = Vec::new();
        let directories = alternates::object_directories(&self.engine, &self.path).await?;
        for directory in directories.iter().skip(1) {
            if let Some(path) = directory.strip_suffix("/objects")
                && is_git_directory(&self.engine, path).await?
            {
                let (path, memory) = (path.to_owned(), Rc::clone(&self.memory));
                let config = Rc::new(Config::read(&self.engine, &path).await?);
                repositories.push(Self::with(&self.engine, path, config, memory).await?);
            }
        }
        Ok(repositories)
    }

    /// What the repository's own configuration says.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Which services the repository's own configuration offers over HTTP.
    pub fn settings(&self) -> Settings {
        self.config.http
    }

    /// Whether pushes need what this engine does not do: modes of files
    /// (`core.sharedRepository`), signatures (`receive.certNonceSeed`), or another work tree
    /// (`receive.denyCurrentBranch = updateInstead`).
    ///
    /// It takes pushes nevertheless, without modes, unsigned, and not to what is checked out.
    pub fn wants_git_for_pushes(&self) -> bool {
        self.config.is_shared || self.config.takes_certificates || self.config.updates_work_tree
    }

    /// How the repository names objects.
    pub fn object_format(&self) -> ObjectFormat {
        self.config.object_format
    }

    /// Whether it holds a file `git-daemon-export-ok`.
    ///
    /// Source: git-daemon(1)
    pub async fn is_export_ok(&self) -> Result<bool> {
        Ok(self.engine.look(&self.file("git-daemon-export-ok")).await?.is_some())
    }

    /// The repository's objects.
    pub fn odb(&self) -> &Odb<S> {
        &self.odb
    }

    pub(crate) fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }
}

/// Finds the repository of some name, and reads its configuration.
async fn locate<S: Storage>(engine: &Engine<S>, name: &str) -> Result<(String, Rc<Config>)> {
    for suffix in SUFFIXES {
        let path = format!("{name}{suffix}");
        if !is_git_directory(engine, &path).await? {
            continue;
        }
        // Before it is read: a change that comes between the two is then noticed.
        let stat = engine.look(&format!("{path}/config")).await?;
        let config = Rc::new(Config::read(engine, &path).await?);
        if let Some(stat) = stat.filter(|stat| !config.in_other_files && engine.is_settled(stat)) {
            known::remember(engine, name, KnownRepository::new(&path, stat, &config));
        }
        return Ok((path, config));
    }
    Err(Error::NotARepository(name.to_owned()))
}

/// What git asks of a directory before it takes it for a repository.
pub(crate) async fn is_git_directory<S: Storage>(engine: &Engine<S>, path: &str) -> Result<bool> {
    for (name, kind) in
        [("HEAD", Kind::File), ("objects", Kind::Directory), ("refs", Kind::Directory)]
    {
        match engine.look(&format!("{path}/{name}")).await? {
            Some(stat) if stat.kind == kind => {}
            Some(_) | None => return Ok(false),
        }
    }
    Ok(true)
}

impl<S: Storage> Repository<S> {
    /// Commits at which this repository's own history is cut.
    pub(crate) async fn shallow(&self) -> Result<Leased<Vec<gitwasi_wire::Oid>>> {
        let content = self.engine.recall_file(&self.file("shallow")).await?.unwrap_or_default();
        let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut shallow = Leased::<Vec<_>>::new(&self.memory);
        for line in lines {
            let oid = gitwasi_wire::Oid::from_hex(line);
            shallow.push(oid.ok_or_else(|| Error::corrupt("shallow"))?)?;
        }
        Ok(shallow)
    }
}
