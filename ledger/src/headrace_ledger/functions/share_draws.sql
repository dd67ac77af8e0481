-- What calls draw, and of limits that tenants contend for the same again in a bucket of their tenant's, in the form and
-- order that `reserve` wants.
CREATE OR REPLACE FUNCTION headrace.share_draws(
  p_tenant text[], p_from integer[], p_to integer[], p_bucket integer[], p_amount bigint[], p_resources text[],
  p_b_tenant text[], p_b_limit bigint[], p_b_subject uuid[], OUT first integer[], OUT last integer[], OUT bucket integer[],
  OUT amount bigint[], OUT resources text[], OUT b_tenant text[], OUT b_limit bigint[], OUT b_subject uuid[]
)
LANGUAGE sql SET search_path = headrace, pg_temp AS $$
  WITH plain AS (
    SELECT c.k, e.n, p_b_tenant[p_bucket[e.n]] AS tenant, p_b_limit[p_bucket[e.n]] AS limit_id,
           p_b_subject[p_bucket[e.n]] AS subject, p_amount[e.n] AS amount, p_resources[e.n] AS resource, c.whose
    FROM unnest(p_tenant, p_from, p_to) WITH ORDINALITY AS c (whose, first, last, k)
    CROSS JOIN LATERAL generate_series(c.first, c.last) AS e (n)
  ), draw AS (
    SELECT p.k, p.n, p.tenant, p.limit_id, p.subject, p.amount, p.resource FROM plain p
    UNION ALL
    SELECT p.k, p.n, p.tenant, p.limit_id, share_subject(p.whose), p.amount, p.resource FROM plain p
    WHERE p.tenant = '_platform' AND p.limit_id IN (SELECT c.limit_id FROM contenders c WHERE c.tenant = '_platform')
  ), placed AS (
    SELECT d.*, row_number() OVER (ORDER BY d.k, d.n, d.subject) AS place,
           dense_rank() OVER (ORDER BY d.tenant <> '_platform', d.tenant COLLATE "C", d.limit_id, d.subject) AS i
    FROM draw d
  ), ends AS (
    SELECT array_agg(x.first ORDER BY x.k) AS first, array_agg(x.last ORDER BY x.k) AS last FROM (
      SELECT c.k, coalesce(min(p.place), 1)::integer AS first, coalesce(max(p.place), 0)::integer AS last
      FROM generate_subscripts(p_tenant, 1) AS c (k) LEFT JOIN placed p ON p.k = c.k GROUP BY c.k) AS x
  ), each AS (
    SELECT array_agg(p.i::integer ORDER BY p.place) AS bucket, array_agg(p.amount ORDER BY p.place) AS amount,
           array_agg(p.resource ORDER BY p.place) AS resources FROM placed p
  ), buckets AS (
    SELECT array_agg(b.tenant ORDER BY b.i) AS tenant, array_agg(b.limit_id ORDER BY b.i) AS limit_id,
           array_agg(b.subject ORDER BY b.i) AS subject FROM (SELECT DISTINCT p.i, p.tenant, p.limit_id, p.subject FROM placed p) AS b
  )
  SELECT s.first, s.last, e.bucket, e.amount, e.resources, b.tenant, b.limit_id, b.subject FROM ends s, each e, buckets b
$$;
