//! Requests whose bodies have begun to come, and go no further.

use super::{Http1, Http2, Stream};
use crate::harness::{Ask, Gateway, Key, Origin, Reply};

/// Over both protocols, one whose body is read whole and one whose body is passed on as it comes.
pub(crate) struct Uploads {
    h1: [Http1; 2],
    h2: [(Http2, Stream); 2],
}

impl Uploads {
    pub(crate) async fn begin(gateway: &Gateway, key: &Key) -> Self {
        let [short, long] =
            ["1000", "1000000"].map(|length| Ask::new("POST", "/mcp").key(&key.secret).field("content-length", length));
        let h1 = async |ask| {
            let mut client = gateway.http1().await;
            client.send_head(ask).await;
            client.send("{").await;
            client
        };
        let h2 = async |ask| {
            let mut client = gateway.http2().await;
            let mut stream = client.open_head(ask).await;
            stream.send("{").await;
            (client, stream)
        };
        Self { h1: [h1(&short).await, h1(&long).await], h2: [h2(&short).await, h2(&long).await] }
    }

    /// What those over HTTP/1.1 are told, behind which their connections are closed; those over h2 have the same status.
    pub(crate) async fn refused(self) -> [Reply; 2] {
        let Self { h1: [mut short, mut long], h2 } = self;
        let replies = [short.reply().await, long.reply().await];
        for client in [&mut short, &mut long] {
            client.closed("its body is not whole").await;
        }
        for (_client, mut stream) in h2 {
            assert_eq!(stream.head().await.0, replies[0].status);
        }
        replies
    }
}

/// Those that are passed on never became whole, and the others were not forwarded.
pub(crate) async fn nothing_passed_for_whole(origin: &Origin) {
    let (mut one, mut two) = (origin.next().await, origin.next().await);
    assert!(!one.body_is_whole().await && !two.body_is_whole().await, "nothing passes for whole");
    assert_eq!(origin.requests().len(), 2, "what is read whole was never forwarded");
}
