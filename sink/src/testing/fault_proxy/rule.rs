use std::time::Duration;

use super::{
    super::http::{Request, Response},
    immutable,
    recorded::parameter,
};

/// What happens to which requests: to all, unless told otherwise.
///
/// Times are counted over the requests that the rule is about, those included that a rule before it took.
#[derive(Debug, Clone)]
pub struct Rule {
    fault: Fault,
    method: Option<String>,
    path_contains: Option<String>,
    path_ends_with: Option<String>,
    parameters: Vec<(String, Option<String>)>,
    when: When,
    seen: u64,
}

/// What happens.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    Answer(Response),
    FlipBit,
    Immutable,
    LoseReply,
    Reset,
    Stall,
    StallReply,
    Trickle { pause: Duration, head_too: bool },
    Truncate(usize),
    WrongMd5,
}

#[derive(Debug, Clone, Copy)]
enum When {
    Always,
    First(u64),
    Nth(u64),
    EveryNth(u64),
}

impl Rule {
    /// The service does what it is asked, and the connection is closed without a byte of its reply.
    pub fn lose_reply() -> Self {
        Self::new(Fault::LoseReply)
    }

    /// The connection is reset (RST); the service sees nothing.
    pub fn reset() -> Self {
        Self::new(Fault::Reset)
    }

    /// The proxy gives this reply; the service sees nothing.
    pub fn answer(response: Response) -> Self {
        Self::new(Fault::Answer(response))
    }

    /// There is no reply, and the connection stays open; the service sees nothing.
    pub fn stall() -> Self {
        Self::new(Fault::Stall)
    }

    /// The service does what it is asked, there is no reply, and the connection stays open.
    pub fn stall_reply() -> Self {
        Self::new(Fault::StallReply)
    }

    /// The reply comes byte by byte, with a pause after each.
    pub fn trickle(pause: Duration) -> Self {
        Self::new(Fault::Trickle { pause, head_too: true })
    }

    /// The head of the reply comes at once, its body byte by byte, with a pause after each.
    pub fn trickle_body(pause: Duration) -> Self {
        Self::new(Fault::Trickle { pause, head_too: false })
    }

    /// Of the reply's body come the first so many bytes, then the connection is closed. A body that is not longer is whole.
    pub fn truncate(bytes: usize) -> Self {
        Self::new(Fault::Truncate(bytes))
    }

    /// The reply has a `Content-MD5`, which is not that of its body. So has `x-ms-blob-content-md5`, if it is there.
    pub fn wrong_md5() -> Self {
        Self::new(Fault::WrongMd5)
    }

    /// One bit of the request's body changes on the way to the service. A request without a body passes as it is.
    pub fn flip_bit() -> Self {
        Self::new(Fault::FlipBit)
    }

    /// Containers have a policy of immutability that is locked, as in "Container-level WORM policies for immutable blob data" on Microsoft Learn: what would delete or
    /// change a blob that exists is refused with 409 `BlobImmutableDueToPolicy`, also where it has an `If-None-Match`. Nothing else is met by the rule.
    ///
    /// The proxy asks the service whether a blob exists, as the owner of Azurite's account.
    pub fn immutable() -> Self {
        Self::new(Fault::Immutable)
    }

    /// About requests of this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// About requests whose path, encoded as it comes, contains this.
    #[must_use]
    pub fn path_contains(mut self, part: &str) -> Self {
        self.path_contains = Some(part.to_owned());
        self
    }

    /// About requests whose path, encoded as it comes, ends with this.
    #[must_use]
    pub fn path_ends_with(mut self, end: &str) -> Self {
        self.path_ends_with = Some(end.to_owned());
        self
    }

    /// About requests with this parameter in the query, such as `comp` with the value `block`.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// About requests without this parameter in the query. A PUT without `comp` is one of a whole blob, or of a container.
    #[must_use]
    pub fn without_parameter(mut self, name: &str) -> Self {
        self.parameters.push((name.to_owned(), None));
        self
    }

    /// The first so many times.
    #[must_use]
    pub fn first(mut self, times: u64) -> Self {
        self.when = When::First(times);
        self
    }

    /// The `n`-th time alone, from 1.
    #[must_use]
    pub fn nth(mut self, n: u64) -> Self {
        self.when = When::Nth(n);
        self
    }

    /// The `n`-th time, and every `n`-th after that.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[must_use]
    pub fn every_nth(mut self, n: u64) -> Self {
        assert!(n > 0, "there is no 0th request");
        self.when = When::EveryNth(n);
        self
    }

    fn new(fault: Fault) -> Self {
        Self { fault, method: None, path_contains: None, path_ends_with: None, parameters: Vec::new(), when: When::Always, seen: 0 }
    }

    /// Counts a request, and tells what happens to it.
    pub(super) fn meet(&mut self, request: &Request) -> Option<Fault> {
        if !self.is_about(request) {
            return None;
        }
        self.seen += 1;
        let meets = match self.when {
            When::Always => true,
            When::First(times) => self.seen <= times,
            When::Nth(n) => self.seen == n,
            When::EveryNth(n) => self.seen.is_multiple_of(n),
        };
        meets.then(|| self.fault.clone())
    }

    fn is_about(&self, request: &Request) -> bool {
        let path = request.path();
        self.method.as_ref().is_none_or(|method| *method == request.method)
            && self.path_contains.as_ref().is_none_or(|part| path.contains(part))
            && self.path_ends_with.as_ref().is_none_or(|end| path.ends_with(end))
            && self.parameters.iter().all(|(name, value)| parameter(request.query(), name) == value.as_deref())
            && (!matches!(self.fault, Fault::Immutable) || immutable::changes(request).is_some())
    }
}
