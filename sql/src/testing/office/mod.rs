//! A seeded company whose chats fill a database, and the true list of its messages.
