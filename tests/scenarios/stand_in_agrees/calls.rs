//! The calls, one a line: method, path, body.

pub const SCHEMAS: &str = r#"
GET /v1/schema
POST /v1/schema {"class":"minimal"}
GET /v1/schema/Minimal
GET /v1/schema/minimal
POST /v1/schema {"class":"minimal"}
POST /v1/schema {"class":"MINIMAL"}
POST /v1/schema {"class":"bad name"}
POST /v1/schema {}
GET /v1/schema/Nope
DELETE /v1/schema/Nope
GET /v1/nope
GET /v1/authz/roles
POST /v1/schema {"class":"AllTypes","description":"d","properties":[{"name":"T","dataType":["text"],"description":"x"},{"name":"ta","dataType":["text[]"],"tokenization":"field"},{"name":"s","dataType":["string"]},{"name":"i","dataType":["int"]},{"name":"ia","dataType":["int[]"]},{"name":"n","dataType":["number"]},{"name":"na","dataType":["number[]"]},{"name":"b","dataType":["boolean"]},{"name":"ba","dataType":["boolean[]"]},{"name":"d","dataType":["date"]},{"name":"da","dataType":["date[]"]},{"name":"u","dataType":["uuid"]},{"name":"ua","dataType":["uuid[]"]},{"name":"g","dataType":["geoCoordinates"]},{"name":"ph","dataType":["phoneNumber"]},{"name":"bl","dataType":["blob"]},{"name":"bh","dataType":["blobHash"]},{"name":"o","dataType":["object"],"nestedProperties":[{"name":"X","dataType":["text"]},{"name":"y","dataType":["int"]},{"name":"nb","dataType":["blob"]},{"name":"nh","dataType":["blobHash"]},{"name":"ya","dataType":["int[]"]},{"name":"z","dataType":["object[]"],"nestedProperties":[{"name":"q","dataType":["date"]},{"name":"bl","dataType":["blob"]}]}]},{"name":"oa","dataType":["object[]"],"nestedProperties":[{"name":"x","dataType":["text"]},{"name":"n","dataType":["number"]}]}]}
GET /v1/schema/AllTypes
POST /v1/schema {"class":"Named","vectorConfig":{"a":{"vectorizer":{"none":{}},"vectorIndexType":"hnsw"},"fl":{"vectorizer":{"none":{}},"vectorIndexType":"flat"},"m":{"vectorizer":{"none":{}},"vectorIndexType":"hnsw","vectorIndexConfig":{"multivector":{"enabled":true}}}}}
GET /v1/schema/Named
POST /v1/schema {"class":"OneNamed","vectorConfig":{"only":{"vectorizer":{"none":{}}}}}
POST /v1/schema {"class":"Flat","vectorIndexType":"flat","vectorIndexConfig":{"distance":"dot","bq":{"enabled":true}}}
POST /v1/schema {"class":"Hfresh","vectorIndexType":"hfresh"}
POST /v1/schema {"class":"Three","shardingConfig":{"desiredCount":3,"virtualPerPhysical":10,"actualCount":9},"properties":[{"name":"p","dataType":["text"]},{"name":"r","dataType":["Three"]}]}
GET /v1/schema/Three/shards
GET /v1/schema/Nope/shards
POST /v1/schema {"class":"X1","vectorIndexType":"dynamic"}
POST /v1/schema {"class":"X1","vectorIndexType":"none"}
POST /v1/schema {"class":"X1","vectorIndexType":"foo"}
POST /v1/schema {"class":"X1","vectorConfig":{"a":{"vectorizer":{"none":{}},"vectorIndexType":"none"}}}
POST /v1/schema {"class":"X1","vectorConfig":{"a":{"vectorizer":{"nope":{}},"vectorIndexType":"hnsw"}}}
POST /v1/schema {"class":"X1","vectorConfig":{"a":{"vectorIndexType":"hnsw"}}}
POST /v1/schema {"class":"X1","vectorizer":"nope"}
POST /v1/schema {"class":"X1","vectorizer":"none","vectorConfig":{"a":{"vectorizer":{"none":{}},"vectorIndexType":"hnsw"}}}
POST /v1/schema {"class":"X1","vectorIndexConfig":{"multivector":{"enabled":true}}}
POST /v1/schema {"class":"X1","vectorIndexConfig":{"bq":{"enabled":true},"pq":{"enabled":true}}}
POST /v1/schema {"class":"X1","vectorIndexConfig":[]}
POST /v1/schema {"class":"X1","multiTenancyConfig":{"enabled":true},"shardingConfig":{"desiredCount":2}}
POST /v1/schema {"class":"X1","multiTenancyConfig":{"enabled":false,"autoTenantCreation":true}}
POST /v1/schema {"class":"X1","shardingConfig":{"desiredCount":0}}
POST /v1/schema {"class":"X1","shardingConfig":{"key":"x"}}
POST /v1/schema {"class":"X1","replicationConfig":{"factor":3}}
POST /v1/schema {"class":"X1","invertedIndexConfig":{"stopwords":{"preset":"nope"}}}
POST /v1/schema {"class":"X1","objectTtlConfig":{"enabled":true,"defaultTtl":3600,"deleteOn":"_creationTimeUnix"}}
POST /v1/schema {"class":"Rq1","vectorIndexConfig":{"rq":{"enabled":true,"bits":1}},"replicationConfig":{"factor":0,"asyncEnabled":true},"unknown":1,"properties":[]}
POST /v1/schema {"class":"Stop","invertedIndexConfig":{"stopwords":{"preset":"none","additions":["x"]},"indexTimestamps":true,"indexNullState":true,"indexPropertyLength":true,"bm25":{"k1":1,"b":0.1},"stopwordPresets":{"a":["b"]}},"moduleConfig":{"generative-openai":{"model":"x"}},"objectTtlConfig":{"enabled":false}}
POST /v1/schema {"class":"Oai","vectorizer":"text2vec-openai","properties":[{"name":"a","dataType":["text"]},{"name":"i","dataType":["int"]}]}
POST /v1/schema {"class":"OaiNamed","vectorConfig":{"v":{"vectorizer":{"text2vec-openai":{"properties":["a"]}},"vectorIndexType":"hnsw"},"w":{"vectorizer":{"none":{}}}},"properties":[{"name":"a","dataType":["text"]}]}
POST /v1/schema {"class":"OaiBare","vectorizer":"text2vec-openai","moduleConfig":{"text2vec-openai":{"vectorizeClassName":false}},"properties":[{"name":"i","dataType":["int"]}]}
POST /v1/schema {"class":"OaiBare","vectorConfig":{"v":{"vectorizer":{"text2vec-openai":{"vectorizeClassName":false}}}}}
POST /v1/schema/Oai/properties {"name":"later","dataType":["text"]}
POST /v1/schema {"class":"X2","properties":[{"name":"a"}]}
POST /v1/schema {"class":"X2","properties":[{"name":"","dataType":["text"]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"a","dataType":["nope"]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"a","dataType":["Nope"]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"id","dataType":["text"]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"1a","dataType":["text"]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"aB","dataType":["text"]},{"name":"ab","dataType":["text"]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"x_searchable","dataType":["text"]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"o","dataType":["object"]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"o","dataType":["text"],"nestedProperties":[{"name":"a","dataType":["text"]}]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"o","dataType":["object"],"nestedProperties":[{"name":"g","dataType":["geoCoordinates"]}]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"o","dataType":["object"],"nestedProperties":[{"name":"g","dataType":["Minimal"]}]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"o","dataType":["object"],"nestedProperties":[{"name":"s","dataType":["string"]}]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"o","dataType":["object"],"nestedProperties":[{"name":"a b","dataType":["text"]}]}]}
POST /v1/schema {"class":"X2","properties":[{"name":"i","dataType":["int"],"indexSearchable":true}]}
POST /v1/schema {"class":"X2","properties":[{"name":"i","dataType":["text"],"indexRangeFilters":true}]}
POST /v1/schema {"class":"X2","properties":[{"name":"i","dataType":["int"],"tokenization":"word"}]}
POST /v1/schema {"class":"X2","properties":[{"name":"i","dataType":["text"],"indexInverted":true,"indexFilterable":true}]}
POST /v1/schema {"class":"X2","properties":[{"name":"s","dataType":["string[]"],"tokenization":"lowercase"}]}
POST /v1/schema {"class":"Props","properties":[{"name":"i","dataType":["text"],"indexInverted":false},{"name":"j","dataType":["int"],"indexRangeFilters":true,"indexFilterable":false},{"name":"k","dataType":["int"],"moduleConfig":{"foo":{"a":1}},"searchableBlockmax":true},{"name":"l","dataType":["string[]"],"tokenization":"field"},{"name":"m","dataType":["text"],"disableDuplicatedReferences":true},{"name":"r","dataType":["Minimal"],"indexFilterable":false},{"name":"rr","dataType":["Minimal","Flat"]}]}
POST /v1/schema/Minimal/properties {"name":"Foo","dataType":["text"]}
POST /v1/schema/Minimal/properties {"name":"FOO","dataType":["int"]}
POST /v1/schema/Minimal/properties {"name":"ref","dataType":["Nope"]}
POST /v1/schema/Minimal/properties {"name":"ref","dataType":["Three"]}
POST /v1/schema/Minimal/properties {"name":"x","dataType":["badd"]}
POST /v1/schema/Minimal/properties {}
POST /v1/schema/Nope/properties {"name":"x","dataType":["text"]}
PUT /v1/schema/Flat {"class":"Flat","vectorIndexType":"flat","vectorIndexConfig":{"distance":"dot","bq":{"enabled":true}},"description":"new"}
PUT /v1/schema/Flat {"class":"Flat","vectorIndexType":"flat","vectorIndexConfig":{"distance":"cosine","bq":{"enabled":true}}}
PUT /v1/schema/Flat {"class":"Flat","vectorIndexType":"hnsw"}
PUT /v1/schema/Flat {"class":"Other","vectorIndexType":"flat"}
PUT /v1/schema/Flat {"class":"Flat","vectorIndexType":"flat","vectorIndexConfig":{"distance":"dot","bq":{"enabled":true}},"properties":[{"name":"x","dataType":["text"]}]}
PUT /v1/schema/Flat {"class":"Flat","vectorIndexType":"flat","vectorIndexConfig":{"distance":"dot","bq":{"enabled":true}},"multiTenancyConfig":{"enabled":true}}
PUT /v1/schema/Flat {"class":"Flat","vectorIndexType":"flat","vectorIndexConfig":{"distance":"dot","bq":{"enabled":true}},"shardingConfig":{"desiredCount":7}}
PUT /v1/schema/Flat {"class":"Flat","vectorIndexType":"flat","vectorIndexConfig":{"distance":"dot","bq":{"enabled":true}},"invertedIndexConfig":{"indexTimestamps":true}}
PUT /v1/schema/Hfresh {"class":"Hfresh","vectorIndexType":"hfresh","vectorizer":"text2vec-openai"}
PUT /v1/schema/OneNamed {"class":"OneNamed","vectorConfig":{"only":{"vectorizer":{"none":{}},"vectorIndexType":"hnsw"},"more":{"vectorizer":{"none":{}},"vectorIndexType":"flat"}}}
PUT /v1/schema/OneNamed {"class":"OneNamed","vectorConfig":{"only":{"vectorizer":{"none":{}},"vectorIndexType":"hnsw"}}}
PUT /v1/schema/Nope {"class":"Nope"}
POST /v1/schema {"class":"Mixed"}
PUT /v1/schema/Mixed {"class":"Mixed","vectorizer":"none","vectorIndexType":"hnsw","vectorConfig":{"n":{"vectorizer":{"none":{}},"vectorIndexType":"hnsw"}}}
GET /v1/schema/Mixed
POST /v1/schema {"class":"Single","vectorConfig":{"only":{"vectorizer":{"none":{}}}}}
POST /v1/schema {"class":"Trap","properties":[{"name":"o","dataType":["object"],"nestedProperties":[{"name":"latitude","dataType":["number"]},{"name":"longitude","dataType":["text"]}]},{"name":"oa","dataType":["object[]"],"nestedProperties":[{"name":"beacon","dataType":["text"]},{"name":"z","dataType":["int"]}]},{"name":"g","dataType":["object"],"nestedProperties":[{"name":"latitude","dataType":["number"]},{"name":"longitude","dataType":["number"]}]}]}
POST /v1/schema {"class":"Odd"}
POST /v1/schema {"class":"Refs","properties":[{"name":"r","dataType":["Flat"]},{"name":"r2","dataType":["Minimal","Flat"]}]}
"#;

pub const TENANTS: &str = r#"
POST /v1/schema {"class":"Mt","multiTenancyConfig":{"enabled":true},"properties":[{"name":"t","dataType":["text"]}]}
GET /v1/schema/Mt
POST /v1/schema/Mt/tenants [{"name":"a"},{"name":"b","activityStatus":"COLD"},{"name":"c","activityStatus":"INACTIVE"},{"name":"d","activityStatus":"ACTIVE"}]
GET /v1/schema/Mt/tenants
GET /v1/schema/mt/tenants/b
GET /v1/schema/Mt/tenants/nope
HEAD /v1/schema/Mt/tenants/b
HEAD /v1/schema/Mt/tenants/nope
POST /v1/schema/Mt/tenants [{"name":"a"},{"name":"a"}]
POST /v1/schema/Mt/tenants [{"name":"b"},{"name":"e"}]
POST /v1/schema/Mt/tenants [{"name":"f","activityStatus":"FROZEN"}]
POST /v1/schema/Mt/tenants [{"name":"f","activityStatus":"foo"}]
POST /v1/schema/Mt/tenants [{"name":"b ad"}]
POST /v1/schema/Mt/tenants [{"name":""}]
PUT /v1/schema/Mt/tenants [{"name":"a","activityStatus":"COLD"}]
PUT /v1/schema/Mt/tenants [{"name":"a","activityStatus":"ACTIVE"}]
PUT /v1/schema/Mt/tenants [{"name":"zz","activityStatus":"COLD"}]
PUT /v1/schema/Mt/tenants [{"name":"a","activityStatus":"OFFLOADED"}]
PUT /v1/schema/Mt/tenants [{"name":"a"}]
PUT /v1/schema/Mt/tenants [{"name":"a","activityStatus":"ACTIVE"},{"name":"a","activityStatus":"COLD"}]
DELETE /v1/schema/Mt/tenants ["e","nope"]
GET /v1/schema/Mt/tenants
GET /v1/schema/Minimal/tenants
POST /v1/schema/Minimal/tenants [{"name":"a"}]
DELETE /v1/schema/Minimal/tenants ["a"]
PUT /v1/schema/Minimal/tenants [{"name":"a","activityStatus":"HOT"}]
GET /v1/schema/Nope/tenants
POST /v1/schema/Nope/tenants [{"name":"a"}]
GET /v1/schema/Nope/tenants/x
PUT /v1/schema/Mt {"class":"Mt","multiTenancyConfig":{"enabled":true,"autoTenantActivation":true}}
PUT /v1/schema/Mt {"class":"Mt","description":"new","multiTenancyConfig":{"enabled":true},"properties":[{"name":"t","dataType":["text"],"indexFilterable":true,"indexRangeFilters":false,"indexSearchable":true,"tokenization":"word"}]}
GET /v1/schema/Mt
PUT /v1/schema/Mt {"class":"Mt","multiTenancyConfig":{"enabled":false}}
POST /v1/schema {"class":"Auto","multiTenancyConfig":{"enabled":true,"autoTenantActivation":true,"autoTenantCreation":true}}
POST /v1/schema/Auto/tenants [{"name":"a"},{"name":"b","activityStatus":"COLD"}]
POST /v1/batch/objects {"objects":[{"class":"Auto","id":"00000000-0000-0000-0000-000000000001","tenant":"new"},{"class":"Auto","id":"00000000-0000-0000-0000-000000000001","tenant":"b"}]}
GET /v1/objects?class=Auto&tenant=b&limit=3
GET /v1/schema/Auto/tenants
"#;

pub const ALIASES: &str = r#"
GET /v1/aliases
POST /v1/aliases {"alias":"al","class":"Minimal"}
POST /v1/aliases {"alias":"Al2","class":"Nope"}
POST /v1/aliases {"alias":"Flat","class":"Minimal"}
POST /v1/aliases {"alias":"Al","class":"Minimal"}
POST /v1/aliases {"alias":"b ad","class":"Minimal"}
GET /v1/aliases?class=Minimal
GET /v1/aliases?class=Nope
GET /v1/aliases/al
GET /v1/aliases/Nope
PUT /v1/aliases/Al {"class":"Flat"}
PUT /v1/aliases/Nope {"class":"Flat"}
PUT /v1/aliases/Al {"class":"Nope"}
GET /v1/schema/Al
POST /v1/schema {"class":"Al"}
POST /v1/schema {"class":"AL"}
DELETE /v1/schema/Al
POST /v1/schema {"class":"Gone"}
POST /v1/aliases {"alias":"ToGone","class":"Gone"}
DELETE /v1/schema/Gone
GET /v1/schema/ToGone
GET /v1/aliases
POST /v1/schema {"class":"Gone"}
GET /v1/schema/ToGone
DELETE /v1/aliases/ToGone
DELETE /v1/aliases/Nope
DELETE /v1/aliases/Al
GET /v1/schema/Al
"#;

pub const OBJECTS: &str = r#"
GET /v1/objects?class=Nope&limit=2
GET /v1/objects?class=Mt&limit=2
GET /v1/objects?class=Mt&limit=2&tenant=nope
GET /v1/objects?class=Mt&limit=2&tenant=b
GET /v1/objects?class=Mt&limit=2&tenant=a
GET /v1/objects?class=AllTypes&limit=2&tenant=a
GET /v1/objects?class=AllTypes&limit=10001
GET /v1/objects?class=AllTypes&limit=0
GET /v1/objects?class=AllTypes&after=00000000-0000-0000-0000-000000000001
GET /v1/objects?class=AllTypes&limit=2&after=foo
GET /v1/objects/AllTypes/nope
GET /v1/objects/AllTypes/00000000-0000-0000-0000-000000000009
GET /v1/objects/Nope/00000000-0000-0000-0000-000000000009
DELETE /v1/objects/AllTypes/00000000-0000-0000-0000-000000000009
DELETE /v1/objects/Nope/00000000-0000-0000-0000-000000000009
GET /v1/objects/Mt/00000000-0000-0000-0000-000000000009?tenant=b
GET /v1/objects/Mt/00000000-0000-0000-0000-000000000009
DELETE /v1/objects/Mt/00000000-0000-0000-0000-000000000009?tenant=nope
POST /v1/batch/objects {"objects":[{"class":"Mt","id":"00000000-0000-0000-0000-000000000009","tenant":"a","vector":[1,2]}]}
GET /v1/objects/Mt/00000000-0000-0000-0000-000000000009?tenant=a&include=vector
GET /v1/objects?class=Mt&tenant=a&limit=1&include=vector
POST /v1/batch/objects {"objects":[]}
POST /v1/batch/objects {"objects":[{"class":"AllTypes","id":"xyz"}]}
POST /v1/batch/objects {"objects":[{"class":"Trap","id":"00000000-0000-0000-0000-000000000001","properties":{"g":{"latitude":1.123456789,"longitude":2}}}]}
GET /v1/objects/Trap/00000000-0000-0000-0000-000000000001
POST /v1/batch/objects {"objects":[{"class":"Trap","id":"00000000-0000-0000-0000-000000000001","properties":{"oa":[{"beacon":"b","z":3}]}}]}
GET /v1/objects?class=Trap&limit=10
POST /v1/batch/objects {"objects":[{"class":"Trap","id":"00000000-0000-0000-0000-000000000001","properties":{"oa":[{"beacon":"b","z":3},{"z":3}],"g":{"latitude":1.123456789}}}]}
GET /v1/objects?class=Trap&limit=10
POST /v1/batch/objects {"objects":[{"class":"Trap","id":"00000000-0000-0000-0000-000000000001","properties":{"g":{"latitude":1.5,"longitude":2}}},{"class":"Trap","id":"00000000-0000-0000-0000-000000000002","properties":{"oa":[{"beacon":"b","z":3}]}}]}
POST /v1/batch/objects {"objects":[{"class":"Flat","id":"00000000-0000-0000-0000-000000000001"}]}
POST /v1/batch/objects {"objects":[{"class":"Refs","id":"00000000-0000-0000-0000-000000000001","properties":{"r":[{"beacon":"weaviate://localhost/00000000-0000-0000-0000-000000000001","href":"/x"}],"r2":[{"beacon":"weaviate://localhost/Flat/00000000-0000-0000-0000-000000000001"},{"beacon":"weaviate://localhost/Flat/00000000-0000-0000-0000-000000000001"}]}}]}
GET /v1/objects/Refs/00000000-0000-0000-0000-000000000001
POST /v1/batch/objects {"objects":[{"class":"Refs","id":"00000000-0000-0000-0000-000000000001","properties":{"r":[{"beacon":"weaviate://localhost/Flat/00000000-0000-0000-0000-000000000009"}]}}]}
POST /v1/batch/objects {"objects":[{"class":"Refs","id":"00000000-0000-0000-0000-000000000001","properties":{"r":[{"beacon":"foo"}]}}]}
POST /v1/batch/objects {"objects":[{"class":"Refs","id":"00000000-0000-0000-0000-000000000002","properties":{"r":[]}}]}
GET /v1/objects/Refs/00000000-0000-0000-0000-000000000002
POST /v1/batch/objects {"objects":[{"class":"Three","id":"00000000-0000-0000-0000-00000000000a","vector":[1,2]},{"class":"Three","id":"10000000-0000-0000-0000-00000000000b","vector":[3,-0.0]},{"class":"Three","id":"F0000000-0000-0000-0000-00000000000C","properties":{"p":"x"}}]}
GET /v1/objects?class=Three&limit=2&include=vector
GET /v1/objects?class=Three&limit=2&include=vector&after=10000000-0000-0000-0000-00000000000b
DELETE /v1/objects/Three/10000000-0000-0000-0000-00000000000b
POST /v1/graphql {"query":"{Aggregate{Three{meta{count}}}}"}
POST /v1/graphql {"query":"{ Aggregate { Three(limit: 1) { meta { count } } } }"}
POST /v1/batch/objects {"objects":[{"class":"Oai","id":"00000000-0000-0000-0000-000000000001","properties":{"a":"x"}},{"class":"Oai","id":"00000000-0000-0000-0000-000000000002","properties":{"a":"x"},"vector":[]},{"class":"Oai","id":"00000000-0000-0000-0000-000000000003","properties":{"a":"x"},"vector":[1]}]}
POST /v1/batch/objects {"objects":[{"class":"OaiNamed","id":"00000000-0000-0000-0000-000000000001","properties":{"a":"x"}}]}
POST /v1/batch/objects {"objects":[{"class":"OaiNamed","id":"00000000-0000-0000-0000-000000000002","properties":{"a":"x"},"vectors":{"v":[1,2]}}]}
POST /v1/batch/objects {"objects":[{"class":"Single","id":"00000000-0000-0000-0000-000000000001","vector":[1,2]}]}
GET /v1/objects/Single/00000000-0000-0000-0000-000000000001?include=vector
GET /v1/objects/Single/00000000-0000-0000-0000-000000000001
"#;

pub const REFERENCES: &str = r#"
POST /v1/schema {"class":"Tgt"}
POST /v1/schema {"class":"Src","properties":[{"name":"t","dataType":["text"]},{"name":"r","dataType":["Tgt"]},{"name":"s","dataType":["Src"],"disableDuplicatedReferences":true},{"name":"n","dataType":["Nope"]}]}
POST /v1/schema {"class":"Src","properties":[{"name":"t","dataType":["text"]},{"name":"r","dataType":["Tgt"],"description":""},{"name":"s","dataType":["Src"],"disableDuplicatedReferences":true},{"name":"x","dataType":["Tgt"],"disableDuplicatedReferences":false}]}
GET /v1/schema/Src
POST /v1/schema/src/properties {"name":"m","dataType":["Src","Tgt"],"description":"later"}
POST /v1/schema/Src/properties {"name":"n","dataType":["Tgt","Nope"]}
POST /v1/schema/Src/properties {"name":"n","dataType":["Tgt","bad name"]}
POST /v1/schema/Src/properties {"name":"n","dataType":["Tgt"],"tokenization":"word"}
POST /v1/schema/Src/properties {"name":"n"}
POST /v1/schema {"class":"MtSrc","multiTenancyConfig":{"enabled":true},"properties":[{"name":"r","dataType":["Tgt"]},{"name":"m","dataType":["Src","Tgt"]}]}
POST /v1/schema/MtSrc/tenants [{"name":"a"},{"name":"b","activityStatus":"COLD"}]
POST /v1/batch/objects {"objects":[{"class":"Src","id":"00000000-0000-0000-0000-00000000000a","properties":{"t":"x","m":[]}},{"class":"MtSrc","id":"00000000-0000-0000-0000-00000000000a","tenant":"a"}]}
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b"},{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b"},{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/00000000-0000-0000-0000-00000000000b"},{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/s","to":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a"},{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/s","to":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a"}]
GET /v1/objects/Src/00000000-0000-0000-0000-00000000000a
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000b/r","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/nope","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/t","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/m","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/Nope/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Nope/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Nope/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/nope","to":"weaviate://localhost/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/t","to":"weaviate://localhost/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/m","to":"weaviate://localhost/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/MtSrc/00000000-0000-0000-0000-00000000000a"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b","tenant":"a"}]
POST /v1/batch/references [{"from":"weaviate://localhost/MtSrc/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a","tenant":"a"}]
POST /v1/batch/references [{"from":"weaviate://localhost/MtSrc/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b","tenant":"a"}]
POST /v1/batch/references [{"from":"weaviate://localhost/MtSrc/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b","tenant":"b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/MtSrc/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b","tenant":"nope"}]
POST /v1/batch/references [{"from":"weaviate://localhost/MtSrc/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/MtSrc/00000000-0000-0000-0000-00000000000b/r","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b","tenant":"a"}]
POST /v1/batch/references [{"from":"weaviate://localhost/MtSrc/00000000-0000-0000-0000-00000000000a/m","to":"weaviate://localhost/00000000-0000-0000-0000-00000000000b","tenant":"a"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a","to":"weaviate://localhost/Tgt/b"}]
POST /v1/batch/references [{"from":"weaviate://localhost/src/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/a/b/c"}]
POST /v1/batch/references [{"from":"weaviate://localhost/Src/b/r","to":"weaviate://localhost/b"}]
POST /v1/batch/references [{"from":"weaviate://other/Src/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://other/Tgt/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/references [{"from":"weaviate://localhost","to":"weaviate://localhost"}]
POST /v1/batch/references [{}]
POST /v1/batch/references [{"from":"foo"}]
POST /v1/batch/references []
POST /v1/batch/references?consistency_level=FEW [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000a/r","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b"}]
GET /v1/objects/Src/00000000-0000-0000-0000-00000000000a
GET /v1/objects/MtSrc/00000000-0000-0000-0000-00000000000a?tenant=a
POST /v1/batch/objects {"objects":[{"class":"Src","id":"00000000-0000-0000-0000-00000000000c","properties":{"t":"x"}}]}
POST /v1/batch/references [{"from":"weaviate://localhost/Src/00000000-0000-0000-0000-00000000000c/r","to":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b"}]
GET /v1/objects/Src/00000000-0000-0000-0000-00000000000c
POST /v1/batch/objects {"objects":[{"class":"Src","id":"00000000-0000-0000-0000-00000000000c","properties":{"t":"x"}}]}
GET /v1/objects/Src/00000000-0000-0000-0000-00000000000c
PUT /v1/objects/Src/00000000-0000-0000-0000-00000000000c/references/r [{"beacon":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b"}]
POST /v1/batch/objects {"objects":[{"class":"Tgt","id":"0000000a-0000-0000-0000-00000000000b"},{"class":"Tgt","id":"0000000a-0000-0000-0000-00000000000c"}]}
PUT /v1/objects/Src/00000000-0000-0000-0000-00000000000c/references/r [{"beacon":"weaviate://localhost/Tgt/0000000A-0000-0000-0000-00000000000B"},{"beacon":"weaviate://localhost/0000000A-0000-0000-0000-00000000000C"},{"beacon":"weaviate://localhost/Tgt/0000000a-0000-0000-0000-00000000000c"}]
GET /v1/objects/Src/00000000-0000-0000-0000-00000000000c
PUT /v1/objects/Src/00000000-0000-0000-0000-00000000000c/references/r []
GET /v1/objects/Src/00000000-0000-0000-0000-00000000000c
PUT /v1/objects/Src/00000000-0000-0000-0000-00000000000c/references/t []
PUT /v1/objects/Src/00000000-0000-0000-0000-00000000000c/references/nope []
PUT /v1/objects/Src/00000000-0000-0000-0000-00000000000d/references/r []
PUT /v1/objects/Src/nope/references/r []
PUT /v1/objects/MtSrc/00000000-0000-0000-0000-00000000000a/references/r?tenant=a [{"beacon":"weaviate://localhost/Tgt/00000000-0000-0000-0000-00000000000b"}]
PUT /v1/objects/MtSrc/00000000-0000-0000-0000-00000000000a/references/r?tenant=a [{"beacon":"weaviate://localhost/Tgt/0000000a-0000-0000-0000-00000000000b"}]
PUT /v1/objects/MtSrc/00000000-0000-0000-0000-00000000000a/references/r?tenant=b []
GET /v1/objects/MtSrc/00000000-0000-0000-0000-00000000000a?tenant=a
POST /v1/schema {"class":"Quant","properties":[{"name":"b","dataType":["int"]},{"name":"a","dataType":["int"]}]}
PUT /v1/schema/Quant {"class":"Quant","vectorizer":"none","vectorIndexType":"hnsw","vectorIndexConfig":{"bq":{"enabled":true}},"properties":[{"name":"b","dataType":["int"],"indexFilterable":true,"indexRangeFilters":false,"indexSearchable":false},{"name":"a","dataType":["int"],"indexFilterable":true,"indexRangeFilters":false,"indexSearchable":false}]}
GET /v1/schema/Quant
PUT /v1/schema/Flat {"class":"Flat","vectorIndexType":"flat","vectorIndexConfig":{"distance":"dot","bq":{"enabled":false}}}
POST /v1/schema {"class":"X4","vectorConfig":{"a":{"vectorizer":{"none":{}}}},"moduleConfig":{"generative-foo":{}}}
POST /v1/schema {"class":"X4","properties":[{"name":"a","dataType":["text"],"moduleConfig":{"text2vec-openai":{"skip":true}}}]}
DELETE /v1/schema/Named/vectors/a/index
"#;
