//! The components that are part of this program. They run where they lie in its file: nothing is
//! copied, however many fronts there are, and the system may drop their pages and read them again. Only
//! where that is not to be had (without `/proc`, packed, forbidden) does a front get a copy.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mprotect, munmap};
use wasmtime::component::Component;
use wasmtime::{Config, CustomCodeMemory, Engine, Result};

/// The component that runs on any host of `wasi:http` components: front, engine and defaults.
pub static SELF_CONTAINED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gitwasi.wasm"));

/// The front component.
pub(crate) static FRONT: Embedded = Embedded {
    compiled: &Pages(*include_bytes!(concat!(env!("OUT_DIR"), "/front.cwasm"))),
    places: Mutex::new(Vec::new()),
};

/// The front with the engine behind it.
pub(crate) static FRONT_WITH_ENGINE: Embedded = Embedded {
    compiled: &Pages(*include_bytes!(concat!(env!("OUT_DIR"), "/engine.cwasm"))),
    places: Mutex::new(Vec::new()),
};

/// A component that the build script has compiled.
pub(crate) struct Embedded {
    compiled: &'static Pages<[u8]>,
    /// Where it is in memory. Wasmtime tells running code apart by its address, so that each engine
    /// needs a place of its own.
    places: Mutex<Vec<Place>>,
}

/// Something that begins with a page, on any system that this is built for.
#[repr(C, align(65536))]
struct Pages<T: ?Sized>(T);

/// One address of a component, which stays. What is free is taken again.
struct Place {
    address: usize,
    taken: bool,
}

impl Embedded {
    /// Makes it ready to run in an engine, which `engine` makes and sets up as it is told.
    pub(crate) fn load(
        &'static self,
        engine: impl Fn(&dyn Fn(&mut Config)) -> Result<Engine>,
    ) -> Result<(Engine, Component)> {
        if let Some(place) = self.take() {
            let engine = engine(&run_in_place)?;
            // SAFETY: this is what the build script's `precompile_component` wrote, unchanged. The place
            // stays as long as the program, is never written to, and is nobody else's until wasmtime
            // gives it back. (If this fails it may be taken for ever, which costs an address.)
            #[allow(unsafe_code)]
            match unsafe { Component::deserialize_raw(&engine, place) } {
                Ok(component) => return Ok((engine, component)),
                Err(error) => tracing::debug!(%error, "the embedded component has to be copied"),
            }
        }
        let engine = engine(&|_| {})?;
        // SAFETY: as above.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(&engine, &self.compiled.0) }?;
        Ok((engine, component))
    }

    fn take(&self) -> Option<NonNull<[u8]>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free) = places.iter_mut().find(|place| !place.taken) {
            free.taken = true;
            let start = NonNull::new(ptr::with_exposed_provenance_mut(free.address))?;
            return Some(NonNull::slice_from_raw_parts(start, self.compiled.0.len()));
        }
        let memory = match places.is_empty() {
            true => NonNull::from(&self.compiled.0),
            false => map_again(&self.compiled.0)?,
        };
        let address = memory.as_ptr().cast::<u8>().expose_provenance();
        places.push(Place { address, taken: true });
        Some(memory)
    }

    /// Frees the place that holds an address, if one does.
    fn give_back(&self, at: *const u8) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |place: &Place| {
            (place.address..place.address + self.compiled.0.len()).contains(&at.addr())
        };
        if let Some(place) = places.iter_mut().find(|place| holds(place)) {
            place.taken = false;
        }
    }
}

/// Maps a part of this program once more from its file; none if the file cannot be had.
///
/// Spec: proc_pid_maps(5)
fn map_again(part: &'static [u8]) -> Option<NonNull<[u8]>> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let at = part.as_ptr().addr();
    let (offset, path) = maps.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16).ok());
        let offset = u64::from_str_radix(fields.nth(1)?, 16).ok()?;
        let within = at.checked_sub(start?).filter(|_| at < end.unwrap_or(0))?;
        Some((offset + within as u64, fields.nth(2)?.to_owned()))
    })?;
    // Of a program that was replaced meanwhile the first is still the old one.
    ["/proc/self/exe", &path].into_iter().find_map(|path| map(Path::new(path), offset, part).ok())
}

/// Maps a file from `offset` on, if `part` is there.
fn map(path: &Path, offset: u64, part: &'static [u8]) -> io::Result<NonNull<[u8]>> {
    let file = File::open(path)?;
    if file.metadata()?.len() < offset + part.len() as u64 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // SAFETY: the system chooses an address that is free. What is there is only read, and nobody writes
    // to the file of a program or a library that runs: that would change what runs already, too.
    #[allow(unsafe_code)]
    let mapped = unsafe {
        let (flags, protection) = (MapFlags::PRIVATE, ProtFlags::READ);
        let start = mmap(ptr::null_mut(), part.len(), protection, flags, &file, offset)?;
        std::slice::from_raw_parts(start.cast::<u8>(), part.len())
    };
    if mapped == part {
        return Ok(NonNull::from(mapped));
    }
    // SAFETY: nobody else knows of it.
    #[allow(unsafe_code)]
    unsafe {
        munmap(mapped.as_ptr().cast_mut().cast(), mapped.len())?;
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// Sets an engine up for code that it does not copy.
fn run_in_place(config: &mut Config) {
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

    /// Called when the code is nobody's any more, and wasmtime has forgotten its address.
    fn unpublish_executable(&self, code: *const u8, _: usize) -> Result<()> {
        for embedded in [&FRONT, &FRONT_WITH_ENGINE] {
            embedded.give_back(code);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;

    fn addresses() -> Vec<usize> {
        let places = FRONT.places.lock().unwrap();
        places.iter().filter(|place| place.taken).map(|place| place.address).collect()
    }

    #[test]
    fn each_engine_has_a_place_and_no_copy() {
        let load = || FRONT.load(|set_up| engine::runner(1, 64 << 20, set_up)).unwrap();
        let components: Vec<_> = (0..3).map(|_| load()).collect();
        let taken = addresses();
        assert!(taken.len() >= 3, "{taken:?}");
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        for address in taken {
            let line = maps.lines().find(|line| {
                let range = line.split_once(' ').unwrap().0.split_once('-').unwrap();
                let [start, end] =
                    [range.0, range.1].map(|end| usize::from_str_radix(end, 16).unwrap());
                (start..end).contains(&address)
            });
            assert!(line.unwrap().contains('/'), "{line:?} is not of a file");
        }
        drop(components);
        let places = FRONT.places.lock().unwrap().len();
        for _ in 0..20 {
            drop(load());
        }
        // Other tests may have taken some.
        assert!(FRONT.places.lock().unwrap().len() < places + 10);
    }
}
