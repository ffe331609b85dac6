-- One window of the record source: unfinished rows at or above the threshold, best first, after a given position.
-- bigquery.py checks the names and inserts them in place of the braces; values are parameters.
--
-- The hash is computed once, in a subquery: repeated in the join, it doubled the time on the emulator. It covers the
-- fields of the part and not the score, so that a completed part stays completed when only its score changes.
-- A missing score and NaN count as 0.
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
