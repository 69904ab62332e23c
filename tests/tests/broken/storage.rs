//! The disk is full, or cannot be written to: a file system of the server's own.

use std::path::PathBuf;

use e2e::random::Random;
use e2e::tree::Tree;
use e2e::{Backend, Cell, Outcome, Repository, Server, Setup, World};

use crate::on_each_backend;

on_each_backend!(a_push_onto_a_full_disk_changes_nothing, a_disk_that_is_read_only_is_read);

/// A server for `disk/app.git` on a disk of 12 MiB that nobody else sees.
struct OnDisk {
    world: World,
    server: Server,
    source: Repository,
}

impl OnDisk {
    fn start(backend: Backend, mount: &str) -> Self {
        let world = World::new(Cell { backend, ..Cell::DEFAULT });
        let _ = world.small("app.git");
        let source = world.small("../source.git");
        source.add_incompressible(16 << 20);
        let namespace = ["unshare", "--user", "--map-root-user", "--mount"];
        let script = format!(
            "set -e; cd \"$0\"; mkdir disk; mount -t tmpfs -o size=12m none disk
             cp -a app.git disk; {mount}; exec \"$@\""
        );
        let root = world.root().to_str().unwrap();
        let setup = Setup::default().allow_push();
        let server =
            world.serve(&setup.started_by([&namespace[..], &["sh", "-c", &script, root]].concat()));
        Self { world, server, source }
    }

    /// The repository on the disk, as the server sees it.
    fn target(&self) -> PathBuf {
        let root = self.world.root().join("disk/app.git");
        let root = root.strip_prefix("/").unwrap().to_owned();
        PathBuf::from(format!("/proc/{}/root", self.server.pid())).join(root)
    }

    fn push(&self, refspec: &str) -> Outcome {
        let url = self.server.url("disk/app.git");
        self.source.git().attempt(["push", "--quiet", &url, refspec])
    }

    /// What a clone has, which is checked whole.
    fn clone(&self, name: &str) -> Repository {
        let url = self.server.url("disk/app.git");
        self.world.git().run(["clone", "--quiet", "--mirror", &url, name]);
        let copy = self.world.clone_at(name);
        copy.fsck();
        copy
    }
}

fn a_push_onto_a_full_disk_changes_nothing(backend: Backend) {
    let disk = OnDisk::start(backend, "true");
    let before = Tree::read(&disk.target());
    let refused = disk.push("big:big").failed();
    assert!(!refused.stderr.contains("fatal: the remote end hung up"), "{refused:?}");
    before.assert_unchanged(&disk.target());
    // What it took is free again; and what was acknowledged stays, until nothing fits any more.
    let mut pushed = Vec::new();
    for number in 0..24 {
        let name = format!("part-{number}");
        disk.source.commit(&name, "part", &Random::new(number).bytes(1 << 20));
        if !disk.push(&format!("{name}:{name}")).success() {
            break;
        }
        pushed.push(name);
    }
    assert!(pushed.len() > 3 && pushed.len() < 16, "{pushed:?}");
    let copy = disk.clone("copy");
    for name in &pushed {
        assert_eq!(copy.oid(name), disk.source.oid(name));
    }
    assert!(!copy.has(&format!("part-{}", pushed.len())));
}

fn a_disk_that_is_read_only_is_read(backend: Backend) {
    let disk = OnDisk::start(backend, "mount -o remount,ro disk");
    let before = Tree::read(&disk.target());
    for refspec in ["main:new", "big:big", ":side"] {
        let refused = disk.push(refspec).failed();
        assert!(!refused.stderr.contains("hung up"), "{refused:?}");
    }
    before.assert_unchanged(&disk.target());
    assert_eq!(disk.clone("copy").oid("main"), disk.source.oid("main"));
}
