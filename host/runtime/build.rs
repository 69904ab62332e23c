fn main(){ println!("cargo:rerun-if-changed=build.rs"); let _ = wasmtime::Config::new(); }
