//! Requests to one of a person's own servers that are no tool calls: resources, prompts, completion, logging.
//!
//! They go to the server as they are, and their results come back as they are; around them is what is around a call of
//! a tool ([`crate::call`]): a breaker, attempts, counts. What a person's token may do, how often,
//! and what is put on record holds for them as for tools: lists need `tools:read`, everything else `tools:call`; reading
//! a resource or a prompt is on record.

use std::sync::Arc;

use deputy_core::{Principal, Scope};
use deputy_store::own_server::OwnServer;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::approval::audit_unavailable;
use crate::audit::Entry;
use crate::call::{BrokenOff, CallOptions, Ended, Errand, of_asked};
use crate::error::{CallError, MissingScope};
use crate::pool::{Request, ServerInfo, UpstreamError};
use crate::servers::{LookError, Open, Status, explained};
use crate::{Gateway, audit, breaker};

/// A request to a server.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    /// Such as `resources/read`.
    pub(crate) method: &'static str,
    /// Its parameters but `_meta`, answers and states.
    pub(crate) params: Map<String, Value>,
}

impl Passed {
    /// Whether it gives somebody something: those are put on record.
    fn reads(&self) -> Option<&'static str> {
        match self.method {
            "resources/read" => Some("resource.read"),
            "prompts/get" => Some("prompt.get"),
            _ => None,
        }
    }
}

/// Whether requests of this method are passed on, beside calls of tools.
pub(crate) fn passes(method: &str) -> bool {
    const PASSED: [&str; 8] = [
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "resources/subscribe",
        "prompts/list",
        "prompts/get",
        "completion/complete",
        "logging/setLevel",
    ];
    PASSED.contains(&method)
}

/// Checks the caller's scopes for a request that is passed on: lists need `tools:read`, everything else `tools:call`.
pub(crate) fn check_scope(principal: &Principal, method: &str) -> Result<(), MissingScope> {
    let needed = if method.ends_with("/list") {
        Scope::ToolsRead
    } else {
        Scope::ToolsCall
    };
    MissingScope::unless(principal, needed, method)
}

impl Gateway {
    /// Makes a request to this person's server.
    pub(crate) async fn pass(
        &self,
        principal: &Principal,
        server: &OwnServer,
        passed: Passed,
        options: CallOptions,
    ) -> Result<Box<RawValue>, CallError> {
        let parts = &self.inner.parts;
        check_scope(principal, passed.method)?;
        self.throttled(principal)?;
        self.servers().allowed(server).await?;
        parts.audit.able().await.map_err(|_| audit_unavailable())?;
        let mut broken_off = BrokenOff {
            gateway: self,
            entry: passed
                .reads()
                .map(|action| read_of(principal, server, &passed, action)),
        };
        let result = self.passed(server, &passed, options).await;
        if let Some(mut entry) = broken_off.entry.take() {
            let outcome = result.as_ref().err().map_or("ok", CallError::code);
            outcome.clone_into(&mut entry.outcome);
            parts.audit.note(entry, None).await;
        }
        result.map_err(|error| error.shown_to(principal))
    }

    async fn passed(
        &self,
        server: &OwnServer,
        passed: &Passed,
        options: CallOptions,
    ) -> Result<Box<RawValue>, CallError> {
        let mut params = passed.params.clone();
        if let Some(input) = options.dialogue.as_ref().and_then(|d| d.input.as_ref()) {
            if let Some(responses) = &input.responses {
                let responses = serde_json::from_str(responses.get())
                    .map_err(|e| CallError::internal(&e, "reading answers"))?;
                params.insert("inputResponses".to_owned(), responses);
            }
            if let Some(state) = &input.state {
                params.insert("requestState".to_owned(), state.clone().into());
            }
        }
        // It was read for this request or for one that waited since: for minutes, with a client that is asked.
        self.servers().still(server).await?;
        let passing = Passing {
            gateway: self,
            server,
            method: passed.method,
            params: serde_json::value::to_raw_value(&params)
                .map_err(|e| CallError::internal(&e, "writing parameters"))?,
            options: &options,
        };
        self.at_own(&passing, &options).await
    }

    /// Whether a tool of ours is of this server.
    pub(crate) fn is_tool_of(&self, tool: &str, server: &str) -> bool {
        let found = self.inner.parts.catalog.find(tool);
        found.is_some_and(|tool| tool.server == server)
    }

    /// Whether what this server says of itself, or unasked, is for this token.
    pub(crate) async fn may_hear(
        &self,
        principal: &Principal,
        server: &OwnServer,
    ) -> Result<(), CallError> {
        if !principal.may(Scope::ToolsCall) {
            MissingScope::unless(principal, Scope::ToolsRead, "looking at a server")?;
        }
        self.servers().allowed(server).await
    }

    /// What this person's server says about itself, remembered while it sleeps. One that is asked for the first time
    /// has its tools and instructions read, as before a call; that counts as a call.
    ///
    /// [`CallError::Scope`] to a token that may neither list nor call tools: it has no business with a server.
    pub(crate) async fn server_info(
        &self,
        principal: &Principal,
        server: &OwnServer,
    ) -> Result<Arc<ServerInfo>, CallError> {
        self.may_hear(principal, server).await?;
        let servers = self.servers();
        if let Some(info) = servers.info(server) {
            return Ok(info);
        }
        self.throttled(principal)?;
        let open = servers.open(server).await?;
        let breakers = &self.inner.breakers;
        let mut pass = breakers.admit(server.user, &open.key.server, &server.name)?;
        let mut failed = |error: UpstreamError| {
            pass.failed(&error);
            if breaker::hurts(&error) {
                servers.note_failure(server, Status::Error, &explained(&error));
            }
            CallError::Upstream(format!("{}: {}", server.name, explained(&error)))
        };
        let deadline = Instant::now() + self.inner.config.call_deadline;
        let cancel = CancellationToken::new();
        let bearer = open.bearer.as_ref().map(|token| &token.secret);
        let pool = &self.inner.parts.pool;
        let held = pool
            .hold(&open.key, &open.launch, bearer, &cancel, deadline)
            .await
            .map_err(&mut failed)?;
        match servers.look(server, &held, bearer, &cancel, deadline).await {
            Ok(_) => pass.good(),
            Err(LookError::Upstream(error)) => return Err(failed(error)),
            Err(LookError::Outdated) => servers.still(server).await?,
            Err(LookError::Store(error)) => return Err(error.into()),
        }
        let info = Arc::clone(held.info());
        servers.remember(server, Arc::clone(&info));
        Ok(info)
    }
}

/// What is on record of a read; broken off until it is known how it ends.
fn read_of(
    principal: &Principal,
    server: &OwnServer,
    passed: &Passed,
    action: &'static str,
) -> Entry {
    let what = passed.params.get("uri").or(passed.params.get("name"));
    // The client's own words, of any length.
    let what = what.and_then(Value::as_str).map(audit::cut);
    Entry {
        user: Some(principal.user_id),
        caller: principal.caller.label(),
        action,
        target: server.name.clone(),
        call_id: None,
        outcome: "CANCELLED".to_owned(),
        detail: json!({ "name": what, "server": server.name }),
    }
}

/// A request as an errand at its server.
struct Passing<'p> {
    gateway: &'p Gateway,
    server: &'p OwnServer,
    method: &'static str,
    params: Box<RawValue>,
    options: &'p CallOptions,
}

impl Errand for Passing<'_> {
    type Answer = Box<RawValue>;

    fn server(&self) -> &OwnServer {
        self.server
    }

    fn method(&self) -> &'static str {
        self.method
    }

    /// Whatever is passed on only reads, or says again what was said before.
    fn only_reads(&self) -> bool {
        true
    }

    fn verbatim(&self) -> bool {
        true
    }

    fn is_good(&self, _: &Box<RawValue>) -> bool {
        true
    }

    async fn attempt(&self, open: &Open, deadline: Instant) -> Result<Box<RawValue>, Ended> {
        let dialogue = self.options.dialogue.as_ref();
        let request = Request {
            meta: dialogue.map(|d| d.client.clone()).unwrap_or_default(),
            progress: self.options.progress.clone(),
            inbound: dialogue.and_then(|d| d.inbound.clone()),
            bearer: open.bearer.as_ref().map(|t| t.secret.clone()),
            cancel: self.options.cancel.clone(),
            late: self.options.late.clone(),
            ..Request::new(self.method, self.params.clone(), deadline)
        };
        let pool = &self.gateway.inner.parts.pool;
        let result = pool.request(&open.key, &open.launch, request).await?;
        if asks(&result)? {
            let asked = of_asked(&self.server.name, &result, self.options);
            return Err(Ended::Asks(asked));
        }
        Ok(result)
    }
}

/// Whether a result is no result yet: the server asks first.
fn asks(result: &RawValue) -> Result<bool, UpstreamError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kind<'a> {
        #[serde(borrow, default)]
        result_type: Option<std::borrow::Cow<'a, str>>,
    }
    let kind: Kind<'_> =
        serde_json::from_str(result.get()).map_err(|_| UpstreamError::Protocol {
            reason: "the result is no object".to_owned(),
        })?;
    Ok(kind.result_type.as_deref() == Some("input_required"))
}
