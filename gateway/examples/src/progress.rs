//! Progress, shown in the order it came.

use rmcp::RoleClient;
use rmcp::model::{JsonRpcMessage, ProgressNotificationParam, ServerNotification};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;

use crate::terminal;

/// A transport that prints every progress notification as it passes by.
///
/// `ClientHandler::on_progress` would do, but rmcp runs it in a task of its own, which may come too late and print
/// progress after the result. Here each message is seen once and in order.
pub(crate) struct ShowProgress<T>(pub(crate) T);

impl<T: Transport<RoleClient>> Transport<RoleClient> for ShowProgress<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.0.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let message = self.0.receive().await;
        if let Some(JsonRpcMessage::Notification(notification)) = &message
            && let ServerNotification::ProgressNotification(progress) = &notification.notification
        {
            terminal::note(&line(&progress.params));
        }
        message
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.0.close().await
    }
}

fn line(progress: &ProgressNotificationParam) -> String {
    let count = match progress.total {
        Some(total) => format!("{}/{total}", progress.progress),
        None => progress.progress.to_string(),
    };
    match &progress.message {
        Some(message) => format!("[{count}] {}", terminal::excerpt(message, 200)),
        None => format!("[{count}]"),
    }
}
