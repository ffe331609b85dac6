-- The day's candidates: the rows whose turn it is, as a table with the source's columns. For a scheduled query, once a night; put
-- your tables in place of `parts.intake`, `parts.ledger` and `parts.candidates`, and let BIGQUERY_TABLE name the last.
-- The runs of the day leave out what they note in the ledger, as with the table itself.
--
-- Both sorts of shared/cloud/source_rows.sql have room of their own, so that a backlog of new rows hides no turn. The other rows of
-- a candidate's record come too: without them a row would seem to have come back.
CREATE OR REPLACE TABLE `parts.candidates` AS
WITH part AS (
  SELECT
    *,
    COALESCE(IF(IS_NAN(priority_score.score), 0, priority_score.score), 0) AS rank_score,
    TO_HEX(SHA256(TO_JSON_STRING(STRUCT(
      pn AS pn, manufacturer AS manufacturer, category AS category, description AS description,
      specs AS specs, docs AS docs, images AS images
    )))) AS content_hash
  FROM `parts.intake`
),

noted AS (
  SELECT
    content_hash, MAX_BY(record_key, noted_at) AS record_key, MAX_BY(next_turn, noted_at) AS next_turn,
    MAX_BY(again, noted_at) AS again, MAX_BY(latest_hash, noted_at) AS latest_hash
  FROM (
    SELECT *, FIRST_VALUE(content_hash) OVER (PARTITION BY record_key ORDER BY noted_at DESC) AS latest_hash
    FROM `parts.ledger`
  )
  GROUP BY content_hash
),

turn AS (
  SELECT
    part.pn, part.manufacturer, part.category, part.description, part.specs, part.docs, part.images, part.priority_score,
    part.rank_score, part.content_hash, noted.record_key, noted.next_turn,
    COALESCE(noted.again, FALSE) AS again,
    noted.record_key IS NOT NULL AND NOT COALESCE(LOGICAL_OR(part.content_hash = noted.latest_hash) OVER (
      -- rows that were never taken each have a partition: all in one would be one worker's
      PARTITION BY COALESCE(noted.record_key, part.content_hash)
    ), FALSE) AS returned
  FROM part
  LEFT JOIN noted ON noted.content_hash = part.content_hash
),

fresh AS (
  SELECT record_key, content_hash FROM turn
  WHERE next_turn IS NULL OR returned OR (next_turn < TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY) AND NOT again)
  ORDER BY rank_score DESC
  LIMIT 40000
),

worn AS (
  SELECT record_key, content_hash FROM turn
  WHERE next_turn < TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY) AND again AND NOT returned
  ORDER BY next_turn
  LIMIT 10000
),

chosen AS (
  SELECT * FROM fresh
  UNION ALL
  SELECT * FROM worn
)

SELECT pn, manufacturer, category, description, specs, docs, images, priority_score
FROM turn
WHERE content_hash IN (SELECT content_hash FROM chosen) OR record_key IN (SELECT record_key FROM chosen)
