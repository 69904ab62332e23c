//! Pushes.

use std::path::{Path, PathBuf};
use std::thread;

use e2e::{Repository, Request, World};

use crate::figures::Column;
use crate::subject::Subject;

/// Bytes of the large file.
const LARGE: usize = 600 << 20;
/// Commits of the large pack; each brings four objects.
const COMMITS: usize = 50_000;
/// Clients at once, and what each pushes.
const CLIENTS: usize = 8;
const EACH: usize = 20;
/// Pushes one after the other.
const PUSHES: usize = 30;

/// What is pushed.
pub(crate) struct Pushing<'a> {
    world: &'a World,
    source: Repository,
    /// Pushes that were made.
    made: usize,
}

impl<'a> Pushing<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self { world, source: world.small("pushed-from.git"), made: 0 }
    }

    /// A push of one commit with one changed file to a branch of its own, as it is on the wire.
    fn prepare(&mut self) -> Vec<u8> {
        self.made += 1;
        let branch = format!("push-{}", self.made);
        let git = self.source.git();
        git.run(["branch", &branch, "main"]);
        self.source.commit(&branch, "pushed.txt", branch.as_bytes());
        let path = self.world.beside("small-push");
        self.source.write_thin_push(&branch, "main", &format!("refs/heads/{branch}"), &path);
        git.run(["branch", "--quiet", "-D", &branch]);
        std::fs::read(path).expect("a push")
    }

    /// A repository that has what the pushes build on.
    fn target(&self, name: &str) -> Repository {
        let target = self.world.empty(name);
        let path = self.source.path().to_str().expect("a path");
        target.git().run(["fetch", "--quiet", "--no-tags", path, "main:main"]);
        target.repack();
        target
    }

    /// Small pushes: one after the other, and from many clients at once.
    pub(crate) fn small(&mut self, subject: &Subject, column: &mut Column<'_>) {
        let target = self.target("pushed.git");
        let pushes: Vec<_> = (0..PUSHES).map(|_| self.prepare()).collect();
        let cost = subject.cost(|| push(subject, "pushed.git", &pushes));
        assert_eq!(target.refs().lines().count(), PUSHES + 1);
        let each = |seconds: f64| seconds * 1000.0 / PUSHES as f64;
        column.less("push of one commit", "ms", each(cost.seconds));
        column.less("push of one commit, server CPU", "ms", each(cost.cpu_seconds));
        remove(&target);

        let targets: Vec<_> =
            (0..CLIENTS).map(|n| self.target(&format!("pushed-{n}.git"))).collect();
        let pushes: Vec<Vec<_>> =
            (0..CLIENTS).map(|_| (0..EACH).map(|_| self.prepare()).collect()).collect();
        let cost = subject.cost(|| {
            thread::scope(|scope| {
                for (n, pushes) in pushes.iter().enumerate() {
                    scope.spawn(move || push(subject, &format!("pushed-{n}.git"), pushes));
                }
            });
        });
        for target in &targets {
            assert_eq!(target.refs().lines().count(), EACH + 1);
            target.fsck();
            remove(target);
        }
        let rate = (CLIENTS * EACH) as f64 / cost.seconds;
        column.more("8 clients, 20 pushes of one commit each", "pushes/s", rate);
    }
}

/// Large pushes as they are on the wire.
pub(crate) struct LargePushes {
    file: PathBuf,
    objects: PathBuf,
}

impl LargePushes {
    pub(crate) fn new(world: &World) -> Self {
        let written = |repository: &Repository, branch: &str, name: &str| {
            let path = world.beside(name);
            repository.write_push(branch, &format!("refs/heads/{branch}"), &path);
            remove(repository);
            path
        };
        let big = world.empty("big.git");
        big.add_incompressible(LARGE);
        let file = written(&big, "big", "large-push");
        let many = world.empty("many.git");
        many.add_history(COMMITS);
        many.repack();
        assert!(many.count_objects() >= 200_000);
        Self { file, objects: written(&many, "main", "many-push") }
    }

    /// One after the other.
    pub(crate) fn push(&self, world: &World, subject: &Subject, column: &mut Column<'_>) {
        let target = world.empty("large-push.git");
        let mut seconds = 0.0;
        let memory = subject.peak_memory(|| {
            let cost =
                subject.cost(|| subject.replay("large-push.git", "git-receive-pack", &self.file));
            seconds = cost.seconds;
        });
        assert_eq!(target.refs().lines().count(), 1);
        remove(&target);
        column.less("push of a file of 600 MB", "s", seconds);
        column.less("the same, private memory of all processes", "MiB", memory);
        let target = world.empty("many-push.git");
        let cost =
            subject.cost(|| subject.replay("many-push.git", "git-receive-pack", &self.objects));
        assert_eq!(target.refs().lines().count(), 1);
        remove(&target);
        column.less("push of 200,000 objects", "s", cost.seconds);
        column.less("push of 200,000 objects, server CPU", "s", cost.cpu_seconds);
    }
}

fn remove(repository: &Repository) {
    std::fs::remove_dir_all(repository.path()).expect("to remove a repository");
}

/// Makes pushes one after the other over one connection.
fn push(subject: &Subject, name: &str, pushes: &[Vec<u8>]) {
    let mut connection = subject.server.connect();
    let path = Path::new("/").join(name);
    let path = path.to_str().expect("a path");
    for body in pushes {
        let request = Request::service(path, "git-receive-pack", body);
        let response = connection.ask(&request).expect(200);
        assert!(response.text().contains("ok refs/heads/"), "{response:?}");
    }
}
