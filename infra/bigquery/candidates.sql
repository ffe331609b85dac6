-- The day's candidates: the rows whose turn it is, as a table with the source's columns. For a scheduled query, once a night; put
-- your tables in place of `parts.intake`, `parts.ledger` and `parts.candidates`, and let BIGQUERY_TABLE name the last.
-- The runs of the day leave out what they note in the ledger, as with the table itself.
CREATE OR REPLACE TABLE `parts.candidates` AS
WITH part AS (
  SELECT
    *,
    TO_HEX(SHA256(TO_JSON_STRING(STRUCT(
      pn AS pn, manufacturer AS manufacturer, category AS category, description AS description,
      specs AS specs, docs AS docs, images AS images
    )))) AS content_hash
  FROM `parts.intake`
),

noted AS (
  SELECT content_hash, MAX_BY(next_turn, noted_at) AS next_turn
  FROM `parts.ledger`
  GROUP BY content_hash
)

SELECT part.pn, part.manufacturer, part.category, part.description, part.specs, part.docs, part.images, part.priority_score
FROM part
LEFT JOIN noted ON noted.content_hash = part.content_hash
WHERE noted.content_hash IS NULL OR noted.next_turn < TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)
ORDER BY noted.content_hash IS NOT NULL, part.priority_score.score DESC, noted.next_turn
LIMIT 50000
