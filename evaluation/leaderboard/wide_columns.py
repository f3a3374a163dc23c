"""The columns of a leaderboard's wide CSV file that do not depend on its scores, and what they all hold."""

COLUMNS_BEFORE = {
    "rank": "place by the column ranked by, equal scores share it; empty: not ranked",
    "rank_low": "the best place that the model may have, for all models at once",
    "rank_high": "the worst one",
    "ties": "compact letter display, with blanks: models that share a letter do not differ significantly",
    "first_probability": "share (0-1) of bootstrap replicates that the model leads",
    "model": "its name",
    "status": "measured, simulated or published",
    "complete": "true, false; empty for published rows",
    "parameters": "of the model, where known",
}
"""The wide CSV's columns before the scores, and what they hold."""

SCORE_COLUMNS = {
    "CRITERION": "for each criterion its human score, 0-100; "
    "`criterion:NAME` where another column has that name",
    "total": "human, of all criteria",
    "SCORE:low, SCORE:high": "behind each of them, and each automatic score: its interval",
    "SCORE:adjusted": "behind each human score: as the average annotator would have scored all images; "
    "empty where a note says why",
    "SCORE:adjusted:low, SCORE:adjusted:high": "its interval",
    "total:kind": "arithmetic or geometric",
    "total:KIND=NAME": "total on the prompts of a stratum, GenEval task or tag, with `:low` and `:high`",
    "METRIC:PROMPT_SET:INSTRUMENT": "mean over images of an automatic metric; "
    "fid, kid: one value of all images",
    "geneval:PROMPT_SET:INSTRUMENT:overall": "0-1; and one for each task, `...:TASK`",
    "dpg:PROMPT_SET:INSTRUMENT:overall": "0-1, as of dsg and others that ask questions; and one for each "
    "category of questions, `...:CATEGORY`, before zeroing",
    "METRIC:PROMPT_SET:INSTRUMENT:images": "images scored",
}
"""The columns of scores, which depend on the board: patterns of their names, and what they hold."""

COLUMNS_AFTER = {
    "images": "rated",
    "images_expected": "to be rated",
    "images_failed": "asked for, but failed or refused",
    "ratings": "values given",
    "annotators": "who gave them",
    "missing_share": "share (0-1) of judgements without a value",
    "gaps": "what is missing, in words",
    "study": "of measured rows",
    "stratum": "likewise",
    "samples": "only the first so many of each prompt count; empty: all",
    "prompt_sets": "`NAME@SHA256`, with their [canonical hashes](formats.md#prompts), separated by blanks",
    "prompt_files": "the hashes of the files that they were read from, likewise",
    "rewritten_prompts": "`NAME=COUNT/PROMPTS` of sets with [rewrites](prompts.md#rewrites)",
    "prompt_rewriting": "what drew the model's prompts otherwise than they are "
    "[written](generators.md#prompts-that-are-drawn-otherwise): none, instruction, pipeline, model, "
    "external; empty: not recorded",
    "interval_method": "how the intervals of human scores were made; without any, `cluster`: of automatic "
    "ones, with whole prompts as the sample",
    "interval_over": "what was taken for a sample of many",
    "interval_level": "of those intervals, 0-1",
    "cautions": "who was left out, and what the intervals do not hold for, in words",
    "licence": "of the model",
    "weights": "`NAME sha256 HASH` or `NAME commit HASH`, separated by `; `",
    "images_per_second": "done images over the time of the longest run that was not interrupted",
    "latency_p50": "median seconds from request to picture, with `:low` and `:high`, its 95 % interval",
    "latency_p50:low": "empty: no image is fast enough to bound it",
    "latency_p50:high": "likewise, slow enough",
    "latency_p95": "empty below 20 images",
    "latency_p99": "empty below 100 images",
    "images_timed": "that the latency rests on",
    "peak_memory_bytes": "the most that an image needed, by the generator's or server's word",
    "load_seconds": "until the model could make its first image",
    "timed_on": "device, dtype, size, batch, requests under way",
    "speed_comparable": "true, false: timed on the same as most models",
    "price_per_1000": "for 1,000 images, where `--price` or `--price-per-hour` was given",
    "price_note": "its currency and date",
    "source": "of a published row",
}
"""The wide CSV's columns after the scores, and what they hold."""
