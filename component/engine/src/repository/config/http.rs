//! What a repository's own configuration says of the services over HTTP.
//!
//! Spec: git-http-backend(1), "SERVICES"

use super::value::Entry;
use crate::Result;

/// What the configuration says of a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Setting {
    /// Nothing: the default of the service applies.
    #[default]
    Unset,
    /// Set to true.
    Enabled,
    /// Set to false.
    Disabled,
}

/// The settings of one repository, read when it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// `http.uploadpack`. Unset means enabled.
    pub upload_pack: Setting,
    /// `http.receivepack`. Enabled lets everybody push who may read; unset lets principals push.
    pub receive_pack: Setting,
    /// `http.uploadarchive`. Unset means disabled.
    pub upload_archive: Setting,
    /// `http.getanyfile`, the dumb protocol. Unset means enabled.
    pub dumb_files: Setting,
}

impl Settings {
    /// Takes an entry of the section `http`.
    pub(super) fn take(&mut self, entry: &Entry) -> Result<()> {
        let setting = match entry.name.as_str() {
            "uploadpack" => &mut self.upload_pack,
            "receivepack" => &mut self.receive_pack,
            "uploadarchive" => &mut self.upload_archive,
            "getanyfile" => &mut self.dumb_files,
            _ => return Ok(()),
        };
        *setting = if entry.boolean()? { Setting::Enabled } else { Setting::Disabled };
        Ok(())
    }
}
