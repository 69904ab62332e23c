//! `repositories` by a sandboxed git process: the reference implementation.

pub(crate) mod create;
mod files;
pub(crate) mod lookup;
pub(crate) mod nothing;
mod output;
pub(crate) mod processes;
mod quarantine;
mod rehearsal;
mod settings;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use cap_std::fs::Dir;
use gitwasi_runtime::{
    Access, Body, BoxFuture, DumbFile, ErrorCode, File, Principal, ProtocolVersion, Repositories,
    Repository, RequestContext, Service, Settings,
};
use gitwasi_sandbox::{Committer, GitCommand, Job, WorkTree};

use create::ObjectFormat;
use lookup::{Lookup, Root};
use processes::{Processes, unless_cancelled};
use quarantine::Pushes;
use settings::{ReceiveSettings, SettingsCache};

/// What is served of each repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct Serving {
    pub(crate) require_export_ok: bool,
    pub(crate) namespace: Option<String>,
}

/// Serves repositories by running git.
pub(crate) struct GitProcess {
    lookup: Arc<dyn Lookup>,
    /// Where alternates may be.
    root: Option<Arc<Root>>,
    /// Whether repositories may be made below the root.
    creates: bool,
    shared: Arc<Shared>,
}

struct Shared {
    processes: Processes,
    settings: SettingsCache,
    pushes: Pushes,
    serving: Serving,
}

impl GitProcess {
    pub(crate) fn new(
        lookup: Arc<dyn Lookup>,
        root: Option<Arc<Root>>,
        creates: bool,
        processes: Processes,
        serving: Serving,
    ) -> Self {
        let (settings, pushes) = (SettingsCache::default(), Pushes::default());
        // What has to be marked to be served is made by whoever marks it.
        let creates = creates && !serving.require_export_ok;
        Self {
            lookup,
            root,
            creates,
            shared: Arc::new(Shared { processes, settings, pushes, serving }),
        }
    }
}

impl GitProcess {
    /// Whether pushes may change what is checked out: only where nothing else is served. Whoever may
    /// push could otherwise have a repository checked out below the root, which borrows from others.
    fn work_tree(&self, settings: settings::Read) -> WorkTree {
        let alone = self.root.as_ref().is_some_and(|root| root.single_repository().is_some());
        match settings.receive {
            ReceiveSettings { updates_work_tree: false, .. } => WorkTree::Unasked,
            ReceiveSettings { bare: false, .. } if alone => WorkTree::Writable,
            _ => WorkTree::Kept,
        }
    }
}

impl Repositories for GitProcess {
    fn open<'a>(
        &'a self,
        context: &'a RequestContext,
        name: &'a str,
        access: Access,
    ) -> BoxFuture<'a, Result<Arc<dyn Repository>, ErrorCode>> {
        Box::pin(async move {
            let directory = self.lookup.find(context, name).await?.ok_or(ErrorCode::NotFound)?;
            let root = self.root.clone();
            let required = self.shared.serving.require_export_ok;
            let opened = tokio::task::spawn_blocking(move || {
                if required && !directory.exists("git-daemon-export-ok") {
                    return Err(ErrorCode::NotFound);
                }
                let alternates = match &root {
                    Some(root) => root.alternates(&directory),
                    None => Vec::new(),
                };
                Ok((directory, alternates))
            });
            let (directory, alternates) = opened.await.map_err(internal)??;
            let mut repository = OpenRepository {
                directory,
                alternates,
                access,
                settings: settings::Read::default(),
                work_tree: WorkTree::Unasked,
                shared: Arc::clone(&self.shared),
            };
            repository.settings = self.shared.settings.read(&repository, context).await?;
            repository.work_tree = self.work_tree(repository.settings);
            Ok(Arc::new(repository) as Arc<dyn Repository>)
        })
    }

    fn create<'a>(
        &'a self,
        context: &'a RequestContext,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Repository>, ErrorCode>> {
        Box::pin(async move {
            let root = self
                .root
                .as_ref()
                .filter(|root| self.creates && root.single_repository().is_none());
            let root = root.ok_or(ErrorCode::NotFound)?.path().to_owned();
            let below = name.to_owned();
            let made = tokio::task::spawn_blocking(move || {
                create::create(&root, &below, ObjectFormat::Sha1)
            });
            match made.await.map_err(internal)? {
                Ok(_) | Err(create::CreateError::Exists { .. }) => {}
                Err(create::CreateError::Name { .. }) => return Err(ErrorCode::NotFound),
                Err(error) => return Err(internal(error)),
            }
            self.open(context, name, Access::Write).await
        })
    }
}

/// A repository that was found.
struct OpenRepository {
    directory: Dir,
    alternates: Vec<Dir>,
    access: Access,
    settings: settings::Read,
    work_tree: WorkTree,
    shared: Arc<Shared>,
}

impl OpenRepository {
    fn job(&self, command: GitCommand, version: ProtocolVersion) -> Result<Job, ErrorCode> {
        let mut job = Job::new(command, descriptor(&self.directory)?);
        job.alternates = self.alternates.iter().map(descriptor).collect::<Result<_, _>>()?;
        job.namespace = self.shared.serving.namespace.clone();
        job.protocol = Some(match version {
            ProtocolVersion::V0 => gitwasi_sandbox::ProtocolVersion::V0,
            ProtocolVersion::V1 => gitwasi_sandbox::ProtocolVersion::V1,
            ProtocolVersion::V2 => gitwasi_sandbox::ProtocolVersion::V2,
        });
        Ok(job)
    }
}

impl Repository for OpenRepository {
    fn settings(&self) -> Settings {
        self.settings.http
    }

    fn advertise<'a>(
        &'a self,
        context: &'a RequestContext,
        service: Service,
        version: ProtocolVersion,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>> {
        Box::pin(async move {
            let command = match service {
                Service::UploadPack => GitCommand::UploadPack { advertise: true },
                Service::ReceivePack => GitCommand::ReceivePack { advertise: true },
                Service::UploadArchive => {
                    return Err(ErrorCode::Unsupported("upload-archive advertises nothing".into()));
                }
            };
            self.shared.processes.run(context, self.job(command, version)?, None).await
        })
    }

    fn upload_pack<'a>(
        &'a self,
        context: &'a RequestContext,
        version: ProtocolVersion,
        request: Body,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>> {
        Box::pin(async move {
            let job = self.job(GitCommand::UploadPack { advertise: false }, version)?;
            self.shared.processes.run(context, job, Some(request)).await
        })
    }

    fn receive_pack<'a>(
        &'a self,
        context: &'a RequestContext,
        version: ProtocolVersion,
        principal: Option<Principal>,
        request: Body,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>> {
        Box::pin(async move {
            if self.access != Access::Write {
                return Err(ErrorCode::Disabled);
            }
            let mut job = self.job(GitCommand::ReceivePack { advertise: false }, version)?;
            job.writable = true;
            job.work_tree = self.work_tree;
            job.committer = Some(committer(principal, &context.peer));
            let push = self.shared.pushes.begin(&self.directory).map_err(internal)?;
            let push = rehearsal::Asked { job, version, request, push };
            unless_cancelled(context, rehearsal::receive_pack(self, context, push)).await
        })
    }

    fn upload_archive<'a>(
        &'a self,
        context: &'a RequestContext,
        request: Body,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>> {
        Box::pin(async move {
            let job = self.job(GitCommand::UploadArchive, ProtocolVersion::V0)?;
            self.shared.processes.run(context, job, Some(request)).await
        })
    }

    fn open_file<'a>(
        &'a self,
        context: &'a RequestContext,
        file: DumbFile,
    ) -> BoxFuture<'a, Result<Arc<dyn File>, ErrorCode>> {
        Box::pin(self.open_dumb_file(context, file))
    }
}

/// Who stands in the reflog and is told to hooks, as by git-http-backend.
fn committer(principal: Option<Principal>, peer: &str) -> Committer {
    let user = principal.map(|principal| principal.name);
    let name = user.clone().unwrap_or_else(|| "anonymous".to_owned());
    let address = (!peer.is_empty()).then(|| peer.to_owned());
    let email = format!("{name}@http.{}", address.as_deref().unwrap_or("unknown"));
    Committer { name, email, user, address }
}

fn descriptor(directory: &Dir) -> Result<OwnedFd, ErrorCode> {
    directory.try_clone().map(Dir::into_std_file).map(OwnedFd::from).map_err(internal)
}

/// A failure on this side, for the log.
fn internal(error: impl std::fmt::Display) -> ErrorCode {
    ErrorCode::Internal(error.to_string())
}
