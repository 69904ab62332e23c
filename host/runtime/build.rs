//! Builds the components, composes them and compiles them ahead of time, so that the host starts at
//! once.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

#[path = "src/compose.rs"]
mod compose;
#[path = "src/engine.rs"]
mod engine;

const TARGET: &str = "wasm32-wasip2";

/// What the components are made of.
const PACKAGES: [&str; 6] = [
    "access",
    "component/defaults",
    "component/engine",
    "component/front",
    "component/repositories",
    "component/wire",
];

fn main() {
    let workspace = Path::new(&variable("CARGO_MANIFEST_DIR")).join("../..");
    for package in PACKAGES {
        for part in ["src", "Cargo.toml"] {
            println!("cargo::rerun-if-changed={}", workspace.join(package).join(part).display());
        }
    }
    for shared in ["wit", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", workspace.join(shared).display());
    }
    for file in ["build.rs", "src/compose.rs", "src/engine.rs"] {
        println!("cargo::rerun-if-changed={file}");
    }

    require_target();
    let parts = compose::Parts {
        front: build(&workspace, "gitwasi-front"),
        repositories: build(&workspace, "gitwasi-repositories"),
        defaults: build(&workspace, "gitwasi-defaults"),
    };
    let composed = |composed: Result<Vec<u8>, _>| {
        composed.unwrap_or_else(|error| fail(&format!("cannot compose the components: {error}")))
    };
    let self_contained = composed(compose::self_contained(&parts));
    write("gitwasi.wasm", &self_contained);
    write("engine.cwasm", &compile(&composed(compose::with_engine(&parts))));
    write("front.cwasm", &compile(&parts.front));
}

/// Compiles a component for the machine that the host is built for.
fn compile(component: &[u8]) -> Vec<u8> {
    engine::compiler(&variable("TARGET"))
        .and_then(|compiler| compiler.precompile_component(component))
        .unwrap_or_else(|error| fail(&format!("cannot compile a component: {error:?}")))
}

/// Writes what `src/` embeds.
fn write(name: &str, bytes: &[u8]) {
    let path = PathBuf::from(variable("OUT_DIR")).join(name);
    if let Err(error) = std::fs::write(&path, bytes) {
        fail(&format!("cannot write {}: {error}", path.display()));
    }
}

/// Stops with the one line to type where the target is missing.
fn require_target() {
    let installed = Command::new(variable("RUSTC"))
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .is_some_and(|folder| Path::new(folder.trim()).exists());
    if !installed {
        fail(&format!(
            "the Rust target {TARGET} is not installed. Type: rustup target add {TARGET}"
        ));
    }
}

/// Builds a component of this workspace.
fn build(workspace: &Path, package: &str) -> Vec<u8> {
    // A folder of its own: the build that runs this script holds the lock on the usual one.
    let target_dir = PathBuf::from(variable("OUT_DIR")).join("component");
    let built = Command::new(variable("CARGO"))
        // The crate is a library natively, for its tests, and a component here.
        .args(["rustc", "--lib", "--crate-type", "cdylib"])
        .args(["--locked", "--profile", "component", "--target", TARGET])
        .args(["--package", package, "--target-dir"])
        .arg(&target_dir)
        .current_dir(workspace)
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+simd128")
        // What the outer build may have set for its own compiler is not meant for this one.
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_BUILD_TARGET")
        .status();
    match built {
        Ok(status) if status.success() => {}
        _ => fail(&format!("the component {package} did not build")),
    }
    let file = format!("{}.wasm", package.replace('-', "_"));
    let file = target_dir.join(TARGET).join("component").join(file);
    std::fs::read(&file)
        .unwrap_or_else(|error| fail(&format!("cannot read {}: {error}", file.display())))
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| fail(&format!("cargo did not set {name}")))
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    exit(1);
}
