//! `authorizer`: the access file's decisions in the contract's words.

use gitwasi_access::{Access as FileAccess, Decision as FileDecision, Identification, Identity};
use gitwasi_access::{Principal as FilePrincipal, Refusal as FileRefusal};

use crate::Defaults;
use crate::bindings::exports::gitwasi::git::authorizer::{
    Conditional, Decision, Guest, Push, Refusal, Request,
};
use crate::bindings::exports::gitwasi::git::types::{Access, ErrorCode, Principal, Requester};
use crate::policy;

impl Guest for Defaults {
    async fn authorize(request: Request) -> Result<Decision, ErrorCode> {
        let authorizer = policy::current()?;
        let identity = match authorizer.identify(request.authorization.as_deref()) {
            Identification::Known(identity) => identity,
            // Holds up the other requests of this instance while it hashes, once per password and
            // instance: there is no other thread to do it on.
            Identification::Unverified(verification) => verification.verify(),
        };
        let access = match request.access {
            Access::Read => FileAccess::Read,
            Access::Write => FileAccess::Write,
        };
        Ok(match authorizer.decide(&identity, &request.repository, access) {
            FileDecision::Allow { principal } => Decision::Allow(requester(principal.as_ref())),
            FileDecision::AskRepository(refusal) => Decision::AskRepository(Conditional {
                requester: requester(match &identity {
                    Identity::Principal(principal) => Some(principal),
                    Identity::Anonymous | Identity::Rejected => None,
                }),
                otherwise: refused(&refusal),
            }),
            FileDecision::Refuse(refusal) => Decision::Refuse(refused(&refusal)),
        })
    }

    async fn authorize_creation(
        repository: String,
        requester: Requester,
    ) -> Result<bool, ErrorCode> {
        let name = requester.principal.as_ref().map(|principal| principal.name.as_str());
        Ok(policy::current()?.may_create(name, &repository))
    }

    async fn authorize_ref_updates(push: Push) -> Result<Vec<Option<String>>, ErrorCode> {
        Ok(vec![None; push.ref_updates.len()])
    }
}

/// A component does not see where a request comes from.
fn requester(principal: Option<&FilePrincipal>) -> Requester {
    let named = |principal: &FilePrincipal| Principal { name: principal.name().to_owned() };
    Requester { principal: principal.map(named), address: None }
}

fn refused(refusal: &FileRefusal) -> Refusal {
    match (refusal.www_authenticate(), refusal) {
        (Some(challenge), _) => Refusal::Challenge(challenge),
        (None, FileRefusal::Deny { message }) => Refusal::Deny((*message).to_owned()),
        (None, FileRefusal::Challenge { .. }) => Refusal::Conceal,
    }
}
