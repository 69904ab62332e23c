//! Who serves the repositories: the engine, a git process, or both.

use std::path::Path;

use gitwasi_runtime::EngineOptions;

use crate::claim;
use crate::repositories::Serving;

/// Who serves the repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// The engine for what it does, a git process for the rest. Without a root, behind a
    /// [`Lookup`](crate::Lookup) or with a namespace all of it is the git process's; with hooks,
    /// pushes are.
    #[default]
    Auto,
    /// The engine alone: no process is ever started, and no git has to be installed. What it does
    /// not do is answered with 501.
    Engine,
    /// A git process for everything.
    Git,
}

/// The engine cannot do alone what it was told to do.
#[derive(Debug, thiserror::Error)]
#[error("the engine alone cannot serve {0}: choose the backend auto, or git")]
pub struct NotAlone(&'static str);

impl Backend {
    /// What the engine is given, if it is to serve anything of `root`, the canonical root of a
    /// service without a lookup.
    pub(crate) fn engine(
        self,
        root: Option<&Path>,
        hooks: bool,
        serving: &Serving,
    ) -> Result<Option<EngineOptions>, NotAlone> {
        let given = || {
            let root = root.ok_or(NotAlone("what a lookup finds"))?;
            // The engine names files in UTF-8.
            root.to_str().ok_or(NotAlone("a root whose path is not UTF-8"))?;
            if serving.namespace.is_some() {
                return Err(NotAlone("a namespace"));
            }
            Ok(EngineOptions {
                root: root.to_owned(),
                // Hooks are programs: only a process can run them.
                read_only: hooks,
                require_export_ok: serving.require_export_ok,
                server: claim::claim(root),
            })
        };
        match self {
            Self::Auto => Ok(given().ok()),
            Self::Engine if hooks => Err(NotAlone("repositories with hooks")),
            Self::Engine => given().map(Some),
            Self::Git => Ok(None),
        }
    }
}
