//! The components that are part of this program. They run where they lie, in its file: nothing is
//! copied, however many fronts there are, and the system may drop their pages and read them again.

use std::ptr::NonNull;
use std::sync::Arc;

use rustix::mm::{MprotectFlags, mprotect};
use wasmtime::component::Component;
use wasmtime::{Config, CustomCodeMemory, Engine, Result};

/// The component that runs on any host of `wasi:http` components: front, engine and defaults.
pub static SELF_CONTAINED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gitwasi.wasm"));

/// A component that the build script has compiled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Embedded(&'static Pages<[u8]>);

/// Something that shares no page with anything else before it, on any system that this is built for.
#[derive(Debug)]
#[repr(C, align(65536))]
struct Pages<T: ?Sized>(T);

/// The front component.
pub(crate) const FRONT: Embedded = Embedded({
    static PAGES: &Pages<[u8]> = &Pages(*include_bytes!(concat!(env!("OUT_DIR"), "/front.cwasm")));
    PAGES
});

/// The front with the engine behind it.
pub(crate) const FRONT_WITH_ENGINE: Embedded = Embedded({
    static PAGES: &Pages<[u8]> = &Pages(*include_bytes!(concat!(env!("OUT_DIR"), "/engine.cwasm")));
    PAGES
});

impl Embedded {
    /// Makes it ready to run in an engine that [`run_in_place`] has set up.
    pub(crate) fn load(self, engine: &Engine) -> Result<Component> {
        // SAFETY: this is what the build script's `precompile_component` wrote, unchanged, and it stays
        // as long as the program and is never written to.
        #[allow(unsafe_code)]
        unsafe {
            Component::deserialize_raw(engine, NonNull::from(&self.0.0))
        }
    }
}

/// Sets an engine up for code that it does not copy.
pub(crate) fn run_in_place(config: &mut Config) {
    config.with_custom_code_memory(Some(Arc::new(InPlace)));
}

/// Makes code executable where it is.
struct InPlace;

impl CustomCodeMemory for InPlace {
    fn required_alignment(&self) -> usize {
        rustix::param::page_size()
    }

    fn publish_executable(&self, code: *const u8, length: usize) -> Result<()> {
        // SAFETY: wasmtime names whole pages that hold compiled code and nothing else, and writes to
        // them no more.
        #[allow(unsafe_code)]
        unsafe {
            mprotect(code.cast_mut().cast(), length, MprotectFlags::READ | MprotectFlags::EXEC)?;
        }
        Ok(())
    }

    /// Another front may still run it.
    fn unpublish_executable(&self, _: *const u8, _: usize) -> Result<()> {
        Ok(())
    }
}
