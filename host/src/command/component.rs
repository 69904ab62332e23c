//! `gitwasi component`: writes the self-contained component.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;

use super::Outcome;

/// Writes gitwasi.wasm: the whole server as one component for any host of wasi:http components
///
/// It needs no git and none of this host: `wasmtime serve -S cli --dir REPOS::/repos gitwasi.wasm`.
#[derive(Debug, Args)]
pub(crate) struct Component {
    /// Where to write it [default: standard output]
    output: Option<PathBuf>,
}

impl Component {
    pub(crate) fn run(self) -> Outcome {
        if let Some(path) = &self.output {
            return std::fs::write(path, gitwasi::COMPONENT)
                .map_err(|error| format!("cannot write {}: {error}", path.display()).into());
        }
        let mut out = std::io::stdout().lock();
        if out.is_terminal() {
            return Err("a component is nothing for a terminal: name a file".into());
        }
        out.write_all(gitwasi::COMPONENT)?;
        Ok(out.flush()?)
    }
}
