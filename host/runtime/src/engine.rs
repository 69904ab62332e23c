//! The wasmtime engine, set up alike for compiling (in the build script) and for running.

use wasmtime::{Config, Engine, Result};

/// Settings that compiled code depends on.
fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.wasm_component_model_async(true);
    // A guest that computes without end is interrupted at every tick of the epoch.
    config.epoch_interruption(true);
    // For debuggers. It would have to be registered for each place of the code, and taken back before
    // the place is another's.
    config.native_unwind_info(false);
    config
}

/// The engine that compiles components for `target`, a triple, ahead of time.
#[allow(dead_code, reason = "the build script's half")]
pub(crate) fn compiler(target: &str) -> Result<Engine> {
    let mut config = config();
    config.target(target)?;
    if target.starts_with("x86_64") {
        // x86-64-v2: every 64-bit processor since 2009. Without it simd128 is emulated, and with
        // the features of the building machine the binary would run nowhere else.
        for flag in ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"] {
            // SAFETY: these enable instructions; loading checks that the processor has them.
            #[allow(unsafe_code)]
            unsafe {
                config.cranelift_flag_enable(flag);
            }
        }
    }
    Engine::new(&config)
}

/// The engine that runs them, set up further by `set_up`, with room for `instances` at once.
#[allow(dead_code, reason = "the host's half")]
pub(crate) fn runner(
    instances: u32,
    memory_bytes: usize,
    set_up: impl FnOnce(&mut Config),
) -> Result<Engine> {
    use wasmtime::{InstanceAllocationStrategy, PoolingAllocationConfig};

    let mut pool = PoolingAllocationConfig::new();
    // With the engine behind it, the front is two components, each of several core instances.
    pool.total_component_instances(instances)
        .total_core_instances(instances * 12)
        .total_memories(instances * 2)
        .total_tables(instances * 12)
        .total_stacks(instances * 4)
        .max_memory_size(memory_bytes)
        .max_unused_warm_slots(8);
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    set_up(&mut config);
    Engine::new(&config)
}
