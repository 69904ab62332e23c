//! Which dynamic loader a program asks for.
//!
//! The kernel executes the loader along with the program, so it needs the right to be executed;
//! where it is differs from system to system.
//! Spec: elf(5), `PT_INTERP`.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The loader of the 64-bit ELF file at `path`; `None` for a static program, a script, or
/// something else.
pub(super) fn interpreter(path: &Path) -> Option<PathBuf> {
    const PT_INTERP: u32 = 3;

    let file = File::open(path).ok()?;
    let mut header = [0; 64];
    file.read_exact_at(&mut header, 0).ok()?;
    if !header.starts_with(b"\x7fELF\x02") {
        return None;
    }
    let table = u64::from_ne_bytes(header[32..40].try_into().ok()?);
    let size = u16::from_ne_bytes(header[54..56].try_into().ok()?);
    let count = u16::from_ne_bytes(header[56..58].try_into().ok()?);
    for index in 0..u64::from(count) {
        let mut entry = [0; 56];
        file.read_exact_at(&mut entry, table.checked_add(index * u64::from(size))?).ok()?;
        if u32::from_ne_bytes(entry[..4].try_into().ok()?) != PT_INTERP {
            continue;
        }
        let offset = u64::from_ne_bytes(entry[8..16].try_into().ok()?);
        let length = u64::from_ne_bytes(entry[32..40].try_into().ok()?);
        // A path; the kernel refuses a longer one too.
        let mut name = vec![0; usize::try_from(length.min(4096)).ok()?];
        file.read_exact_at(&mut name, offset).ok()?;
        name.truncate(name.iter().position(|byte| *byte == 0)?);
        return Some(PathBuf::from(OsString::from_vec(name)));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_of_this_program_exists() {
        let path = std::env::current_exe().unwrap();
        if let Some(loader) = interpreter(&path) {
            assert!(loader.is_absolute() && loader.exists(), "{loader:?}");
        }
        assert_eq!(interpreter(Path::new("/dev/null")), None);
        assert_eq!(interpreter(Path::new("/etc/passwd")), None);
    }
}
