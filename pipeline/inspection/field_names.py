"""What fields are called in dumps: names by role, the likelier first.

What belongs here: words. `pipeline.inspection.roles` says what a name and the values below it make likely.
"""

from __future__ import annotations

ID = ("id", "uid", "uuid", "guid", "pk", "mid", "cid", "_id", "key", "msg_id", "message_id", "post_id", "comment_id",
       "tweet_id", "status_id", "event_id", "row_id", "utterance_id", "uri", "name")  # fmt: skip
PARENT = ("parent_id", "parent", "in_reply_to_id", "in_reply_to", "in_reply_to_status_id", "reply_to", "reply_to_id",
           "replyto", "replied_to", "reply_to_message_id", "parent_comment_id", "comment_to", "answer_to",
           "parent_message_id", "quoted_id", "thread_ts", "parent_post", "responds_to")  # fmt: skip
ROOT = ("root_id", "root", "post_id", "thread_id", "conversation_id", "link_id", "submission_id", "topic_id",
         "story_id", "discussion_id")  # fmt: skip
WHO = ("author", "user", "sender", "from", "agent", "speaker", "poster", "by", "account", "creator", "actor",
        "member", "profile", "owner", "participant", "persona", "usr")  # fmt: skip
WHO_ID = ("author_id", "user_id", "sender_id", "from_id", "agent_id", "speaker_id", "poster_id", "account_id", "uid",
           "creator_id", "actor_id", "pubkey", "did", "user_pk", "member_id", "account_key", "username_id")  # fmt: skip
WHO_NAME = ("author_name", "username", "user_name", "screen_name", "handle", "nick", "nickname", "sender_name",
             "agent_name", "author_username", "login", "who", "author", "user", "sender", "speaker", "agent", "from",
             "by", "poster", "account", "creator", "actor", "member", "display_name")  # fmt: skip
DISPLAY = ("display_name", "displayname", "nickname", "full_name", "global_name", "real_name", "realname", "label",
            "screenname")  # fmt: skip
TEXT = ("content", "text", "body", "message", "msg", "tweet", "selftext", "utterance", "full_text", "comment",
         "caption", "post", "description", "answer", "transcript")  # fmt: skip
TITLE = ("title", "headline", "subject")
TIME = ("created_at", "timestamp", "created", "created_utc", "ts", "time", "date", "published_at", "published",
         "sent_at", "posted_at", "at", "when", "datetime", "date_time", "created_time", "created_on", "t")  # fmt: skip
STEP = ("step", "round", "tick", "turn", "iteration", "epoch", "time_step", "timestep")
COMMUNITY = ("community", "submolt", "subreddit", "channel", "channel_name", "room", "thread", "group", "forum",
             "board", "guild", "category", "sub", "community_name", "subreddit_name", "group_name", "space", "server",
              "channel_id", "room_id", "group_id", "community_id", "topic")  # fmt: skip
NAME = ("name", "username", "handle", "screen_name", "user_name", "slug", "nick", "nickname")
BIO = ("bio", "description", "about", "persona", "profile", "summary", "background", "user_char")
PAIRS = (
    ("source", "target"), ("source_id", "target_id"), ("from", "to"), ("from_id", "to_id"), ("src", "dst"),
    ("follower", "followee"), ("follower_id", "followee_id"), ("follower", "followed"), ("follower", "following"),
    ("follower_id", "followed_id"), ("ego", "alter"), ("user_1", "user_2"), ("user1", "user2"), ("sender", "receiver"),
    ("sender", "recipient"), ("sender_id", "receiver_id"), ("muter_id", "mutee_id"), ("actor", "object"),
    ("initiator", "recipient"), ("who", "whom"), ("source_user", "target_user"), ("a", "b"),
)  # fmt: skip
WHAT = ("relation", "type", "kind", "subtype", "event_type", "message_type", "msg_type", "action", "engagement_type",
         "label", "edge_type", "reaction", "event", "verb", "how", "relationship")  # fmt: skip
COUNTS: dict[str, tuple[str, ...]] = {
    "score": ("score", "points", "karma", "votes", "net_votes"),
    "upvotes": ("upvotes", "ups", "likes", "like_count", "num_likes", "favourites_count", "favorite_count", "hearts"),
    "downvotes": ("downvotes", "downs", "dislikes", "num_dislikes"),
    "comment_count": ("comment_count", "num_comments", "comments_count", "replies_count", "reply_count", "n_comments"),
}
PLAIN: dict[str, tuple[str, ...]] = {
    "title": TITLE,
    "url": ("url", "link", "external_url"),
    "is_deleted": ("is_deleted", "deleted", "removed"),
    "is_spam": ("is_spam", "spam"),
    "step": STEP,
    "run_id": ("run_id", "run", "simulation_id", "sim_id"),
}
