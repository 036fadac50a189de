//! What a message asks, and whether it may.

use super::asked::Asked;
use super::dress::Dress;
use super::letter::Letter;
use super::ratelimit::RateLimit;
use super::refusal::Refusal;
use super::sieve::Lists;
use crate::access::{Decision, Hold, Paid, Permit, Principal};
use crate::mcp::{Call, ListKind, Method as Rpc, Mirrored};
use crate::record::Exchange;
use crate::reject::Reject;
use http::Method;

/// What the message asks, whether its sender may ask it, and whether it can pay; then which lists the reply may bring that
/// are not for its sender as they are. Without a policy the body is only observed.
pub(super) fn judge(
    exchange: &mut Exchange,
    dress: &mut Dress,
    letter: &Letter,
    asked: &Asked,
) -> Result<(Paid, Option<Lists>), Refusal> {
    if letter.public {
        return Ok((Permit::public().charge(None, None)?, None));
    }
    let live = exchange.live();
    let principal = exchange.proof().and_then(|proof| live.access.recall(proof)).ok_or(Reject::Denied)?;
    let body = match asked {
        Asked::Whole(bytes, ..) => bytes,
        Asked::Nothing | Asked::Streamed(_) => {
            dress.limits = RateLimit::of(principal.client(), None, None);
            let permit = decided(exchange, principal.authorize(None))?;
            return Ok((permit.charge(Some(&principal), None)?, lists(letter, &principal, None)));
        }
    };
    if !letter.policy {
        let call = Call::observe(body);
        if let Some(call) = &call {
            exchange.asks(call);
        }
        let permit = decided(exchange, principal.authorize(call.as_ref()))?;
        return Ok((permit.charge(Some(&principal), call.as_ref())?, None));
    }
    let call = Call::judge(body).map_err(|_| Reject::Envelope)?;
    exchange.asks(&call);
    let paid = mirrored(letter, &call).map_err(Refusal::from).and_then(|()| bill(exchange, letter, &principal, &call));
    let tool = call.name().filter(|_| call.method() == Rpc::ToolsCall);
    dress.limits = RateLimit::of(principal.client(), tool, paid.as_ref().err().map(|refusal| refusal.reject));
    let paid = paid.map_err(|refusal| Refusal { id: call.id().map(Into::into), ..refusal })?;
    Ok((paid, lists(letter, &principal, Some(&call))))
}

/// Which lists may come in the reply: the one that a POST asks for, or none. Whatever else comes, a GET above all, may bring
/// those that other requests asked for: it resumes a stream, or says by nothing we read what it wants.
fn lists(letter: &Letter, principal: &Principal<'_>, call: Option<&Call<'_>>) -> Option<Lists> {
    if !principal.client().policy().reads() {
        return None;
    }
    match call {
        Some(call) if letter.method == Method::POST && !letter.resumes => {
            ListKind::asked_by(call.method()).map(Lists::Asked)
        }
        _ => Some(Lists::Any),
    }
}

fn decided(exchange: &mut Exchange, decision: Decision) -> Result<Permit, Reject> {
    exchange.decided(decision);
    decision.permit()
}

/// Has a call permitted, gives it the slot that it should hold, and takes what it costs, last of all: what is refused costs
/// nothing.
fn bill(exchange: &mut Exchange, letter: &Letter, principal: &Principal<'_>, call: &Call<'_>) -> Result<Paid, Refusal> {
    let permit = decided(exchange, principal.authorize(Some(call)))?;
    let streams = is_get(&letter.method) || call.method() == Rpc::SubscriptionsListen;
    let hold = if streams { Hold::Stream } else { Hold::Flight };
    if exchange.held() != Some(hold) {
        exchange.holds(principal.admit(hold)?);
    }
    Ok(permit.charge(Some(principal), Some(call))?)
}

/// Whether a stream is asked for, whatever body comes with it. Some backends put a method into capitals.
pub(super) fn is_get(method: &Method) -> bool {
    method.as_str().eq_ignore_ascii_case("GET")
}

/// Headers of revision 2026-07-28 that repeat the body must agree with it.
fn mirrored(letter: &Letter, call: &Call<'_>) -> Result<(), Reject> {
    let agreed = Mirrored::read(|header| letter.mirrored(header)).and_then(|mirrored| mirrored.agree(call));
    agreed.map_err(|flaw| if flaw.is_header_mismatch() { Reject::HeaderMismatch } else { Reject::Envelope })
}
