//! `observer`: nobody.

use crate::Defaults;
use crate::bindings::exports::gitwasi::git::observer::{Guest, PushEvent};
use crate::bindings::exports::gitwasi::git::types::ErrorCode;

impl Guest for Defaults {
    fn interested() -> bool {
        false
    }

    async fn pushing(_event: PushEvent) -> Result<(), ErrorCode> {
        Ok(())
    }

    async fn not_pushed(_id: String) -> Result<(), ErrorCode> {
        Ok(())
    }

    async fn pushed(_event: PushEvent) -> Result<(), ErrorCode> {
        Ok(())
    }
}
