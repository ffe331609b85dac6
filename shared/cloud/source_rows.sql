-- One window of the record source: unfinished rows at or above the threshold, best first, after a given position.
-- Names in braces are put in by bigquery.py, which checks them; values are parameters.
--
-- The hash is computed once, in a subquery of its own: repeated in the join, it doubled the time on the emulator. It
-- covers the fields of the part, not the score: a part that was completed stays so when it is only ranked anew.
-- A NaN score counts as 0, as a missing one does.
WITH part AS (
  SELECT
    pn, manufacturer, category, description, specs, docs, images, priority_score,
    COALESCE(IF(IS_NAN(priority_score.score), 0, priority_score.score), 0) AS rank_score,
    COALESCE(pn, '') AS rank_pn,
    TO_HEX(SHA256(TO_JSON_STRING(STRUCT(
      pn AS pn, manufacturer AS manufacturer, category AS category, description AS description,
      specs AS specs, docs AS docs, images AS images
    )))) AS content_hash
  FROM `{table}`
  WHERE COALESCE(IF(IS_NAN(priority_score.score), 0, priority_score.score), 0) >= @threshold
)
SELECT
  part.pn, part.manufacturer, part.category, part.description, part.specs, part.docs, part.images,
  part.priority_score, part.rank_score, part.content_hash
FROM part
LEFT JOIN ({finished}) AS finished ON finished.content_hash = part.content_hash
WHERE finished.content_hash IS NULL
  AND (
    @after_score IS NULL
    OR part.rank_score < @after_score
    OR (part.rank_score = @after_score AND part.rank_pn > @after_pn)
    OR (part.rank_score = @after_score AND part.rank_pn = @after_pn AND part.content_hash >= @after_hash)
  )
ORDER BY part.rank_score DESC, part.rank_pn, part.content_hash
LIMIT @row_limit
