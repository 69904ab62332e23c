//! An open repository: the engine's own, or that of the next in line.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use gitwasi_engine::receive_pack::{self, Gate, Identity, Push};
use gitwasi_engine::{dumb, upload_pack};

use crate::bindings::exports::gitwasi::git::repositories::{
    DumbFile, File, GuestRepository, Settings,
};
use crate::bindings::gitwasi::git::repositories as next;
use crate::bindings::gitwasi::git::types::{
    Access, ErrorCode, ProtocolVersion, RefRefusal, RefUpdate, Requester, Service,
};
use crate::convert::{error_code, wire_version};
use crate::file::OpenFile;
use crate::instance::Instance;
use crate::request::{Outcome, RequestBody};
use crate::response::{self, Body};
use crate::storage::PreopenStorage;
use wit_bindgen::StreamReader;

/// An open repository.
pub(crate) enum Served {
    /// By the engine.
    Own(Own),
    /// By the next in line.
    Next(next::Repository),
}

/// A repository that the engine has opened.
pub(crate) struct Own {
    pub(crate) repository: Rc<gitwasi_engine::Repository<PreopenStorage>>,
    pub(crate) name: String,
    pub(crate) access: Access,
    moved: Moved,
}

/// What a push has moved, from when it is known.
type Moved = Rc<RefCell<Option<Vec<RefUpdate>>>>;

impl Own {
    pub(crate) fn new(
        repository: gitwasi_engine::Repository<PreopenStorage>,
        name: String,
        access: Access,
    ) -> Self {
        Self { repository: Rc::new(repository), name, access, moved: Moved::default() }
    }

    /// The same repository at the next in line, for what the engine does not do.
    async fn next(&self) -> Result<next::Repository, ErrorCode> {
        next::open(self.name.clone(), Access::Read).await
    }
}

impl GuestRepository for Served {
    fn settings(&self) -> Settings {
        match self {
            Self::Own(own) => own.repository.settings().into(),
            Self::Next(next) => next.settings().into(),
        }
    }

    async fn advertise(
        &self,
        service: Service,
        version: ProtocolVersion,
    ) -> Result<Body, ErrorCode> {
        match (self, service) {
            (Self::Own(own), Service::UploadPack) => {
                let (repository, version) = (Rc::clone(&own.repository), wire_version(version));
                response::start(|mut output| async move {
                    upload_pack::advertise(&repository, version, &mut output).await
                })
                .await
            }
            (Self::Own(own), Service::ReceivePack) => {
                let (repository, version) = (Rc::clone(&own.repository), wire_version(version));
                response::start(|mut output| async move {
                    receive_pack::advertise(&repository, version, &mut output).await
                })
                .await
            }
            (Self::Own(_), Service::UploadArchive) => {
                Err(ErrorCode::Unsupported("upload-archive advertises nothing".to_owned()))
            }
            (Self::Next(next), _) => next.advertise(service, version).await,
        }
    }

    async fn upload_pack(
        &self,
        version: ProtocolVersion,
        request: StreamReader<u8>,
        outcome: Outcome,
    ) -> Result<Body, ErrorCode> {
        let own = match self {
            Self::Own(own) => own,
            Self::Next(next) => return next.upload_pack(version, request, outcome).await,
        };
        let request = RequestBody::new(request, outcome);
        let (repository, version) = (Rc::clone(&own.repository), wire_version(version));
        response::start(|mut output| async move {
            upload_pack::serve(&repository, version, request, &mut output).await
        })
        .await
    }

    fn takes_refusals(&self) -> bool {
        match self {
            Self::Own(_) => true,
            Self::Next(next) => next.takes_refusals(),
        }
    }

    fn moved(&self) -> Option<Vec<RefUpdate>> {
        match self {
            Self::Own(own) => own.moved.take(),
            Self::Next(next) => next.moved(),
        }
    }

    async fn receive_pack(
        &self,
        version: ProtocolVersion,
        requester: Requester,
        refusals: Vec<RefRefusal>,
        request: StreamReader<u8>,
        outcome: Outcome,
    ) -> Result<Body, ErrorCode> {
        let own = match self {
            Self::Own(own) if own.access == Access::Write => own,
            Self::Own(_) => return Err(ErrorCode::Disabled),
            Self::Next(next) => {
                return next.receive_pack(version, requester, refusals, request, outcome).await;
            }
        };
        own.moved.take();
        let mut request = RequestBody::new(request, outcome);
        let server = Instance::current()?.config.server.clone();
        let options =
            receive_pack::Options { server, ..receive_pack::Options::new(identity(&requester)) };
        let (repository, name) = (Rc::clone(&own.repository), own.name.clone());
        let moved = Rc::clone(&own.moved);
        response::start(|mut output| async move {
            // The front has shown the ref updates to the authorizer.
            let mut gate = Decided { refusals, moved };
            let pushed =
                receive_pack::serve(&repository, &mut request, &mut gate, &options, &mut output)
                    .await?;
            for fault in pushed.faults {
                eprintln!("a push to {name}: {fault}");
            }
            Ok(())
        })
        .await
    }

    async fn upload_archive(
        &self,
        request: StreamReader<u8>,
        outcome: Outcome,
    ) -> Result<Body, ErrorCode> {
        match self {
            Self::Own(own) => own.next().await?.upload_archive(request, outcome).await,
            Self::Next(next) => next.upload_archive(request, outcome).await,
        }
    }

    async fn open_file(&self, file: DumbFile) -> Result<File, ErrorCode> {
        let file = match self {
            Self::Own(own) => {
                let found = dumb::open(&own.repository, &file.into()).await.map_err(error_code)?;
                OpenFile::Own(Rc::new(found.ok_or(ErrorCode::NotFound)?))
            }
            Self::Next(next) => OpenFile::Next(next.open_file(file.into()).await?),
        };
        Ok(File::new(file))
    }
}

/// Refuses what somebody has decided to refuse before, and tells what was made.
struct Decided {
    refusals: Vec<RefRefusal>,
    moved: Moved,
}

impl Gate for Decided {
    async fn decide(
        &mut self,
        push: Push<'_>,
    ) -> Result<Vec<Option<String>>, gitwasi_engine::Error> {
        let refusals = self.refusals.drain(..).map(|refusal| (refusal.name, refusal.reason));
        let reasons: HashMap<_, _> = refusals.collect();
        let names = push.ref_updates.iter().map(|update| update.name.as_slice());
        Ok(names.map(|name| reasons.get(name).cloned()).collect())
    }

    fn made(&mut self, ref_updates: &[gitwasi_wire::receive_pack::RefUpdate]) {
        let made = ref_updates.iter().map(|update| RefUpdate {
            name: update.name.to_vec(),
            old_oid: update.old_oid.to_string(),
            new_oid: update.new_oid.to_string(),
        });
        *self.moved.borrow_mut() = Some(made.collect());
    }
}

/// Who stands in the reflog, as git-http-backend writes it.
fn identity(requester: &Requester) -> Identity {
    let name = requester.principal.as_ref().map_or("anonymous", |principal| &principal.name);
    let address = requester.address.as_deref().unwrap_or("unknown");
    Identity::new(name, &format!("{name}@http.{address}"))
}
