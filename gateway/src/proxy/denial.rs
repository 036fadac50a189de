//! Where the policy says no, and what only then has to be known.

use super::door::Door;
use super::dress::Dress;
use super::forwarded::Sender;
use super::refusal::Refusal;
use super::routes::Route;
use super::{Gateway, target};
use crate::access::{Limited, Uptime};
use crate::record::{Exchange, Limit};
use crate::reject::Reject;
use http::Method;
use http::request::Parts;

impl Gateway {
    /// A key was refused. Whoever has tried too many is told to wait, whatever was wrong with this one; a request without a
    /// key tried none.
    #[cold]
    pub(super) fn stranger(&self, reject: Reject, sender: &Sender) -> Refusal {
        if reject == Reject::KeyMissing {
            return reject.into();
        }
        match self.strangers.fail(sender.address.ip(), Uptime::now()) {
            Ok(()) => reject.into(),
            Err(wait) => Limited { reject: Reject::FailuresLimited, wait }.into(),
        }
    }

    /// A request is refused before it was looked at where it comes from: a page that is listed may read why.
    #[cold]
    pub(super) fn early(&self, reject: Reject, dress: &mut Dress, request: &Parts) -> Refusal {
        dress.page = self.origins.load().page_among(&request.headers);
        reject.into()
    }

    /// Whether a request is answered although there are too many: public routes, of which one tells how the backend is, have
    /// a few seats of their own.
    #[cold]
    pub(super) fn answers_all_the_same(&self, exchange: &mut Exchange, request: &Parts) -> bool {
        let public = || target::path(request).is_ok_and(|path| matches!(self.routes.find(path), Route::Public(_)));
        matches!(request.method, Method::GET | Method::HEAD) && public() && exchange.takes_reserve()
    }

    #[cold]
    pub(super) fn too_many(&self, door: &Door, dress: &mut Dress, request: &Parts) -> Refusal {
        if !door.is_surplus() {
            self.recorder.meters().hit(Limit::InFlight); // a surplus connection was counted when it came
        }
        self.early(Reject::Overload, dress, request)
    }

    pub(super) fn unknown(&self) -> Refusal {
        Refusal { detail: Some(self.routes.unknown().clone()), ..Reject::Path.into() }
    }
}
