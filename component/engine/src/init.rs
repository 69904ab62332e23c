//! Makes bare repositories.
//!
//! Spec: git-init(1); gitrepository-layout(5)

use bstr::BStr;
use gitwasi_wire::ObjectFormat;

use crate::refs::is_valid_name;
use crate::repository::is_git_directory;
use crate::storage::{Storage, StorageError, StorageWriter, WriteStorage};
use crate::transaction::make_parents;
use crate::{Engine, Error, Result};

/// How a repository is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitOptions {
    /// How it names objects.
    pub object_format: ObjectFormat,
    /// The branch that HEAD points to, without `refs/heads/`.
    pub initial_branch: String,
}

impl Default for InitOptions {
    fn default() -> Self {
        Self { object_format: ObjectFormat::Sha1, initial_branch: "main".into() }
    }
}

const DESCRIPTION: &str =
    "Unnamed repository; edit this file 'description' to name the repository.\n";

const EXCLUDE: &str = "\
# git ls-files --others --exclude-from=.git/info/exclude
# Lines that start with '#' are comments.
# For a project mostly in C, the following would be a good set of
# exclude patterns (uncomment them if you want to use them):
# *.[oa]
# *~
";

/// Makes a bare repository at `path`, relative to the storage's root, as `git init --bare` does,
/// but without sample hooks. True if there was none, or only part of one, before.
///
/// `HEAD` comes last: until then nobody takes the directory for a repository, and whoever is
/// asked to make it after a crash finishes it. Two who make the same one at once both succeed.
///
/// # Errors
/// [`Error::Malformed`] for an initial branch that git would not take.
pub async fn init_bare<S: WriteStorage>(
    engine: &Engine<S>,
    path: &str,
    options: &InitOptions,
) -> Result<bool> {
    let head = format!("refs/heads/{}", options.initial_branch);
    if !is_valid_name(BStr::new(&head)) {
        let branch = &options.initial_branch;
        return Err(Error::Malformed(format!("invalid initial branch name: '{branch}'")));
    }
    let storage = &engine.storage;
    make_parents(storage, &format!("{path}/HEAD")).await?;
    for directory in [
        "hooks",
        "info",
        "objects",
        "objects/info",
        "objects/pack",
        "refs",
        "refs/heads",
        "refs/tags",
    ] {
        match storage.create_directory(&format!("{path}/{directory}")).await {
            Ok(()) | Err(StorageError::Exists) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (version, extensions) = match options.object_format {
        ObjectFormat::Sha1 => (0, ""),
        ObjectFormat::Sha256 => (1, "[extensions]\n\tobjectformat = sha256\n"),
    };
    let config = format!(
        "[core]\n\trepositoryformatversion = {version}\n\tfilemode = true\n\tbare = true\n{extensions}"
    );
    put(storage, path, "description", DESCRIPTION).await?;
    put(storage, path, "info/exclude", EXCLUDE).await?;
    put(storage, path, "config", &config).await?;
    for directory in ["objects", "refs", "info", ""] {
        storage.sync_directory(format!("{path}/{directory}").trim_end_matches('/')).await?;
    }
    let made = put(storage, path, "HEAD", &format!("ref: {head}\n")).await?;
    storage.sync_directory(path).await?;
    storage.sync_directory(path.rsplit_once('/').map_or("", |(parent, _)| parent)).await?;
    Ok(made)
}

impl<S: Storage> Engine<S> {
    /// Whether a repository may be made at `path`, as far as its name and what is around it tell:
    /// not within another one, and under no name that hides it or that an object store uses.
    pub async fn is_free(&self, path: &str) -> Result<bool> {
        let (parents, name) = path.rsplit_once('/').map_or(("", path), |(dir, name)| (dir, name));
        let is_bad = |name: &str| name.starts_with('.') || name.contains(char::is_control);
        if is_bad(name) || parents.split('/').any(is_bad) && !parents.is_empty() {
            return Ok(false);
        }
        for (end, _) in format!("{parents}/").match_indices('/').filter(|_| !parents.is_empty()) {
            let parent = &parents[..end];
            let is_within = parent.ends_with(".git")
                || is_git_directory(self, parent).await?
                || is_git_directory(self, &format!("{parent}/.git")).await?;
            if is_within {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Makes a file, whole or not at all; false if there is one.
async fn put<S: WriteStorage>(
    storage: &S,
    path: &str,
    name: &str,
    content: &str,
) -> Result<bool, StorageError> {
    let to = format!("{path}/{name}");
    let new = format!("{path}/objects/tmp_init_{:016x}", storage.random());
    let file = storage.create_new(&new).await?;
    file.write_at(0, content.as_bytes().to_vec()).await?;
    file.sync().await?;
    let linked = storage.link(&new, &to).await;
    let made = match linked {
        Ok(()) => true,
        Err(StorageError::Exists) => false,
        Err(error) => {
            _ = storage.remove_file(&new).await;
            return Err(error);
        }
    };
    storage.remove_file(&new).await?;
    Ok(made)
}
