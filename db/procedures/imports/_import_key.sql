-- The way of import_key for what is not all ASCII. Its result is in users' unique indexes: it never
-- changes, whatever the server's version, locale or ICU. So the tables are constants, of Unicode 14
-- (PostgreSQL 15), and a character that Unicode 14 does not know stays as it is: later servers
-- would normalise some, so the text is taken apart there.
--
-- Folding a decomposed text makes one letter of one letter, but for sharp s, and what is folded is
-- still decomposed: hence the key of a key is the same. No routine of ours is called: who writes a
-- table with such an index need not have USAGE on the schema tandem. The lists of letters are JSON,
-- as e'\u0100' would stop the deployment to a database of the encoding LATIN1.
create or replace function tandem._import_key(p_value text) returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $_import_key$
declare
    v_text text collate pg_catalog."C" := p_value;
    v_piece text collate pg_catalog."C";
    v_pieces text[];
    v_is_apart boolean := false;
    -- made by tests/imports/fold_table.py: constants
    v_ignorable constant text :=
        e'[\\u00ad\\u034f\\u061c\\u115f-\\u1160\\u17b4-\\u17b5\\u180b-\\u180f\\u200b-\\u200f'
        '\\u202a-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufff8'
        '\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff]';
    v_unassigned constant text :=
        e'[\\u0378-\\u0379\\u0380-\\u0383\\u038b\\u038d\\u03a2\\u0530\\u0557-\\u0558\\u058b-\\u058c'
        '\\u0590\\u05c8-\\u05cf\\u05eb-\\u05ee\\u05f5-\\u05ff\\u070e\\u074b-\\u074c\\u07b2-\\u07bf'
        '\\u07fb-\\u07fc\\u082e-\\u082f\\u083f\\u085c-\\u085d\\u085f\\u086b-\\u086f\\u088f'
        '\\u0892-\\u0897\\u0984\\u098d-\\u098e\\u0991-\\u0992\\u09a9\\u09b1\\u09b3-\\u09b5'
        '\\u09ba-\\u09bb\\u09c5-\\u09c6\\u09c9-\\u09ca\\u09cf-\\u09d6\\u09d8-\\u09db\\u09de'
        '\\u09e4-\\u09e5\\u09ff-\\u0a00\\u0a04\\u0a0b-\\u0a0e\\u0a11-\\u0a12\\u0a29\\u0a31\\u0a34'
        '\\u0a37\\u0a3a-\\u0a3b\\u0a3d\\u0a43-\\u0a46\\u0a49-\\u0a4a\\u0a4e-\\u0a50\\u0a52-\\u0a58'
        '\\u0a5d\\u0a5f-\\u0a65\\u0a77-\\u0a80\\u0a84\\u0a8e\\u0a92\\u0aa9\\u0ab1\\u0ab4'
        '\\u0aba-\\u0abb\\u0ac6\\u0aca\\u0ace-\\u0acf\\u0ad1-\\u0adf\\u0ae4-\\u0ae5\\u0af2-\\u0af8'
        '\\u0b00\\u0b04\\u0b0d-\\u0b0e\\u0b11-\\u0b12\\u0b29\\u0b31\\u0b34\\u0b3a-\\u0b3b'
        '\\u0b45-\\u0b46\\u0b49-\\u0b4a\\u0b4e-\\u0b54\\u0b58-\\u0b5b\\u0b5e\\u0b64-\\u0b65'
        '\\u0b78-\\u0b81\\u0b84\\u0b8b-\\u0b8d\\u0b91\\u0b96-\\u0b98\\u0b9b\\u0b9d\\u0ba0-\\u0ba2'
        '\\u0ba5-\\u0ba7\\u0bab-\\u0bad\\u0bba-\\u0bbd\\u0bc3-\\u0bc5\\u0bc9\\u0bce-\\u0bcf'
        '\\u0bd1-\\u0bd6\\u0bd8-\\u0be5\\u0bfb-\\u0bff\\u0c0d\\u0c11\\u0c29\\u0c3a-\\u0c3b\\u0c45'
        '\\u0c49\\u0c4e-\\u0c54\\u0c57\\u0c5b-\\u0c5c\\u0c5e-\\u0c5f\\u0c64-\\u0c65\\u0c70-\\u0c76'
        '\\u0c8d\\u0c91\\u0ca9\\u0cb4\\u0cba-\\u0cbb\\u0cc5\\u0cc9\\u0cce-\\u0cd4\\u0cd7-\\u0cdc'
        '\\u0cdf\\u0ce4-\\u0ce5\\u0cf0\\u0cf3-\\u0cff\\u0d0d\\u0d11\\u0d45\\u0d49\\u0d50-\\u0d53'
        '\\u0d64-\\u0d65\\u0d80\\u0d84\\u0d97-\\u0d99\\u0db2\\u0dbc\\u0dbe-\\u0dbf\\u0dc7-\\u0dc9'
        '\\u0dcb-\\u0dce\\u0dd5\\u0dd7\\u0de0-\\u0de5\\u0df0-\\u0df1\\u0df5-\\u0e00\\u0e3b-\\u0e3e'
        '\\u0e5c-\\u0e80\\u0e83\\u0e85\\u0e8b\\u0ea4\\u0ea6\\u0ebe-\\u0ebf\\u0ec5\\u0ec7'
        '\\u0ece-\\u0ecf\\u0eda-\\u0edb\\u0ee0-\\u0eff\\u0f48\\u0f6d-\\u0f70\\u0f98\\u0fbd\\u0fcd'
        '\\u0fdb-\\u0fff\\u10c6\\u10c8-\\u10cc\\u10ce-\\u10cf\\u1249\\u124e-\\u124f\\u1257\\u1259'
        '\\u125e-\\u125f\\u1289\\u128e-\\u128f\\u12b1\\u12b6-\\u12b7\\u12bf\\u12c1\\u12c6-\\u12c7'
        '\\u12d7\\u1311\\u1316-\\u1317\\u135b-\\u135c\\u137d-\\u137f\\u139a-\\u139f\\u13f6-\\u13f7'
        '\\u13fe-\\u13ff\\u169d-\\u169f\\u16f9-\\u16ff\\u1716-\\u171e\\u1737-\\u173f\\u1754-\\u175f'
        '\\u176d\\u1771\\u1774-\\u177f\\u17de-\\u17df\\u17ea-\\u17ef\\u17fa-\\u17ff\\u181a-\\u181f'
        '\\u1879-\\u187f\\u18ab-\\u18af\\u18f6-\\u18ff\\u191f\\u192c-\\u192f\\u193c-\\u193f'
        '\\u1941-\\u1943\\u196e-\\u196f\\u1975-\\u197f\\u19ac-\\u19af\\u19ca-\\u19cf\\u19db-\\u19dd'
        '\\u1a1c-\\u1a1d\\u1a5f\\u1a7d-\\u1a7e\\u1a8a-\\u1a8f\\u1a9a-\\u1a9f\\u1aae-\\u1aaf'
        '\\u1acf-\\u1aff\\u1b4d-\\u1b4f\\u1b7f\\u1bf4-\\u1bfb\\u1c38-\\u1c3a\\u1c4a-\\u1c4c'
        '\\u1c89-\\u1c8f\\u1cbb-\\u1cbc\\u1cc8-\\u1ccf\\u1cfb-\\u1cff\\u1f16-\\u1f17\\u1f1e-\\u1f1f'
        '\\u1f46-\\u1f47\\u1f4e-\\u1f4f\\u1f58\\u1f5a\\u1f5c\\u1f5e\\u1f7e-\\u1f7f\\u1fb5\\u1fc5'
        '\\u1fd4-\\u1fd5\\u1fdc\\u1ff0-\\u1ff1\\u1ff5\\u1fff\\u2072-\\u2073\\u208f\\u209d-\\u209f'
        '\\u20c1-\\u20cf\\u20f1-\\u20ff\\u218c-\\u218f\\u2427-\\u243f\\u244b-\\u245f\\u2b74-\\u2b75'
        '\\u2b96\\u2cf4-\\u2cf8\\u2d26\\u2d28-\\u2d2c\\u2d2e-\\u2d2f\\u2d68-\\u2d6e\\u2d71-\\u2d7e'
        '\\u2d97-\\u2d9f\\u2da7\\u2daf\\u2db7\\u2dbf\\u2dc7\\u2dcf\\u2dd7\\u2ddf\\u2e5e-\\u2e7f'
        '\\u2e9a\\u2ef4-\\u2eff\\u2fd6-\\u2fef\\u2ffc-\\u2fff\\u3040\\u3097-\\u3098\\u3100-\\u3104'
        '\\u3130\\u318f\\u31e4-\\u31ef\\u321f\\ua48d-\\ua48f\\ua4c7-\\ua4cf\\ua62c-\\ua63f'
        '\\ua6f8-\\ua6ff\\ua7cb-\\ua7cf\\ua7d2\\ua7d4\\ua7da-\\ua7f1\\ua82d-\\ua82f\\ua83a-\\ua83f'
        '\\ua878-\\ua87f\\ua8c6-\\ua8cd\\ua8da-\\ua8df\\ua954-\\ua95e\\ua97d-\\ua97f\\ua9ce'
        '\\ua9da-\\ua9dd\\ua9ff\\uaa37-\\uaa3f\\uaa4e-\\uaa4f\\uaa5a-\\uaa5b\\uaac3-\\uaada'
        '\\uaaf7-\\uab00\\uab07-\\uab08\\uab0f-\\uab10\\uab17-\\uab1f\\uab27\\uab2f\\uab6c-\\uab6f'
        '\\uabee-\\uabef\\uabfa-\\uabff\\ud7a4-\\ud7af\\ud7c7-\\ud7ca\\ud7fc-\\ud7ff\\ufa6e-\\ufa6f'
        '\\ufada-\\ufaff\\ufb07-\\ufb12\\ufb18-\\ufb1c\\ufb37\\ufb3d\\ufb3f\\ufb42\\ufb45'
        '\\ufbc3-\\ufbd2\\ufd90-\\ufd91\\ufdc8-\\ufdce\\ufdd0-\\ufdef\\ufe1a-\\ufe1f\\ufe53\\ufe67'
        '\\ufe6c-\\ufe6f\\ufe75\\ufefd-\\ufefe\\uff00\\uffbf-\\uffc1\\uffc8-\\uffc9\\uffd0-\\uffd1'
        '\\uffd8-\\uffd9\\uffdd-\\uffdf\\uffe7\\uffef\\ufffe-\\U000101cf\\U000101fe-\\U000102df'
        '\\U000102fc-\\U0001034f\\U0001037b-\\U000103ff\\U0001049e-\\U000104af'
        '\\U000104d4-\\U0001056e\\U0001057b\\U0001058b\\U00010593\\U00010596-\\U0001077f\\U00010786'
        '\\U000107b1\\U000107bb-\\U00010a0b\\U00010a14-\\U00010a37\\U00010a3b-\\U00010a3e'
        '\\U00010a49-\\U00010abf\\U00010ae7-\\U00010c7f\\U00010cb3-\\U00010cf9'
        '\\U00010d28-\\U00010eaa\\U00010eae-\\U00010f2f\\U00010f5a-\\U00010f6f'
        '\\U00010f8a-\\U00010fff\\U0001104e-\\U00011051\\U00011076-\\U0001107e'
        '\\U000110c3-\\U000110ff\\U00011135-\\U0001114f\\U00011177-\\U0001117f'
        '\\U000111e0-\\U00011212\\U0001123f-\\U000112af\\U000112eb-\\U0001133a'
        '\\U00011345-\\U00011346\\U00011349-\\U0001134a\\U0001134e-\\U00011356'
        '\\U00011358-\\U00011365\\U0001136d-\\U0001136f\\U00011375-\\U000113ff\\U0001145c'
        '\\U00011462-\\U0001147f\\U000114c8-\\U0001157f\\U000115b6-\\U000115b7'
        '\\U000115de-\\U000115ff\\U00011645-\\U0001167f\\U000116ba-\\U0001171c'
        '\\U0001172c-\\U000117ff\\U0001183c-\\U0001189f\\U000118f3-\\U00011917\\U00011936'
        '\\U00011939-\\U0001193a\\U00011947-\\U000119d9\\U000119e5-\\U000119ff'
        '\\U00011a48-\\U00011a4f\\U00011aa3-\\U00011c37\\U00011c46-\\U00011d3e'
        '\\U00011d48-\\U00011d92\\U00011d99-\\U00016aef\\U00016af6-\\U00016aff'
        '\\U00016b46-\\U00016e3f\\U00016e9b-\\U00016fef\\U00016ff2-\\U0001bc9b'
        '\\U0001bca4-\\U0001d128\\U0001d1eb-\\U0001d1ff\\U0001d246-\\U0001d3ff\\U0001d455'
        '\\U0001d49d\\U0001d4a0-\\U0001d4a1\\U0001d4a3-\\U0001d4a4\\U0001d4a7-\\U0001d4a8'
        '\\U0001d4ad\\U0001d4ba\\U0001d4bc\\U0001d4c4\\U0001d506\\U0001d50b-\\U0001d50c\\U0001d515'
        '\\U0001d51d\\U0001d53a\\U0001d53f\\U0001d545\\U0001d547-\\U0001d549\\U0001d551'
        '\\U0001d6a6-\\U0001d6a7\\U0001d7cc-\\U0001d7cd\\U0001da8c-\\U0001dfff\\U0001e007'
        '\\U0001e019-\\U0001e01a\\U0001e022\\U0001e025\\U0001e02b-\\U0001e12f'
        '\\U0001e13e-\\U0001e28f\\U0001e2af-\\U0001e2bf\\U0001e2fa-\\U0001e8c6'
        '\\U0001e8d7-\\U0001e8ff\\U0001e94c-\\U0001edff\\U0001ee04\\U0001ee20\\U0001ee23'
        '\\U0001ee25-\\U0001ee26\\U0001ee28\\U0001ee33\\U0001ee38\\U0001ee3a\\U0001ee3c-\\U0001ee41'
        '\\U0001ee43-\\U0001ee46\\U0001ee48\\U0001ee4a\\U0001ee4c\\U0001ee50\\U0001ee53'
        '\\U0001ee55-\\U0001ee56\\U0001ee58\\U0001ee5a\\U0001ee5c\\U0001ee5e\\U0001ee60\\U0001ee63'
        '\\U0001ee65-\\U0001ee66\\U0001ee6b\\U0001ee73\\U0001ee78\\U0001ee7d\\U0001ee7f\\U0001ee8a'
        '\\U0001ee9c-\\U0001eea0\\U0001eea4\\U0001eeaa\\U0001eebc-\\U0001efff'
        '\\U0001f02c-\\U0001f02f\\U0001f094-\\U0001f09f\\U0001f0af-\\U0001f0b0\\U0001f0c0'
        '\\U0001f0d0\\U0001f0f6-\\U0001f0ff\\U0001f1ae-\\U0001f1e5\\U0001f203-\\U0001f20f'
        '\\U0001f23c-\\U0001f23f\\U0001f249-\\U0001f24f\\U0001f252-\\U0001f25f'
        '\\U0001f266-\\U0001f2ff\\U0001f6d8-\\U0001f6dc\\U0001f6ed-\\U0001f6ef'
        '\\U0001f6fd-\\U0001f6ff\\U0001f774-\\U0001f77f\\U0001f7d9-\\U0001f7df'
        '\\U0001f7ec-\\U0001f7ef\\U0001f7f1-\\U0001f7ff\\U0001f80c-\\U0001f80f'
        '\\U0001f848-\\U0001f84f\\U0001f85a-\\U0001f85f\\U0001f888-\\U0001f88f'
        '\\U0001f8ae-\\U0001f8af\\U0001f8b2-\\U0001f8ff\\U0001fa54-\\U0001fa5f'
        '\\U0001fa6e-\\U0001fa6f\\U0001fa75-\\U0001fa77\\U0001fa7d-\\U0001fa7f'
        '\\U0001fa87-\\U0001fa8f\\U0001faad-\\U0001faaf\\U0001fabb-\\U0001fabf'
        '\\U0001fac6-\\U0001facf\\U0001fada-\\U0001fadf\\U0001fae8-\\U0001faef'
        '\\U0001faf7-\\U0001fbef\\U0001fbfa-\\U0002f7ff\\U0002fa1e-\\U000dffff'
        '\\U000e1000-\\U0010ffff]';
    -- end
begin
    if v_text ~ v_ignorable then
        v_text := pg_catalog.regexp_replace(v_text, v_ignorable, '', 'g');
    end if;
    v_pieces := array[v_text];
    if v_text ~ v_unassigned then
        v_is_apart := true;
        v_pieces := array(
            select m.found[1]
            from pg_catalog.regexp_matches(
                v_text,
                v_unassigned || '+|[^' || pg_catalog.substr(v_unassigned, 2) || '+', 'g'
            ) with ordinality as m (found, place)
            order by m.place
        );
    end if;
    v_text := '';
    foreach v_piece in array v_pieces
    loop
        if v_is_apart and v_piece ~ v_unassigned then
            v_text := v_text || v_piece;
            continue;
        end if;
        v_piece := pg_catalog.lower(pg_catalog.normalize(v_piece, 'NFKD'));
        -- made by tests/imports/fold_table.py: folds
        v_piece := pg_catalog.regexp_replace(
            v_piece,
            e'[\\u00df\\u1e9e]', 'ss', 'g'
        );
        -- Latin
        if v_piece ~
            e'[\\u00c6\\u00d0\\u00d8\\u00de\\u0110\\u0126\\u0141\\u014a\\u0152\\u0166]'
        then
            v_piece := pg_catalog.translate(
                v_piece,
                e'"\\u00c6\\u00d0\\u00d8\\u00de\\u0110\\u0126\\u0141\\u014a\\u0152\\u0166'
                '"'::jsonb #>> '{}',
                e'"\\u00e6\\u00f0\\u00f8\\u00fe\\u0111\\u0127\\u0142\\u014b\\u0153\\u0167'
                '"'::jsonb #>> '{}'
            );
        end if;
        -- Greek
        if v_piece ~
            e'[\\u0370-\\u0376\\u037f\\u0391-\\u03a9\\u03c2\\u03cf\\u03d8-\\u03ee\\u03f7-\\u03ff]'
        then
            v_piece := pg_catalog.translate(
                v_piece,
                e'"\\u0370\\u0372\\u0376\\u037f\\u0391\\u0392\\u0393\\u0394\\u0395\\u0396\\u0397'
                '\\u0398\\u0399\\u039a\\u039b\\u039c\\u039d\\u039e\\u039f\\u03a0\\u03a1\\u03a3'
                '\\u03a4\\u03a5\\u03a6\\u03a7\\u03a8\\u03a9\\u03c2\\u03cf\\u03d8\\u03da\\u03dc'
                '\\u03de\\u03e0\\u03e2\\u03e4\\u03e6\\u03e8\\u03ea\\u03ec\\u03ee\\u03f7\\u03fa'
                '\\u03fd\\u03fe\\u03ff"'::jsonb #>> '{}',
                e'"\\u0371\\u0373\\u0377\\u03f3\\u03b1\\u03b2\\u03b3\\u03b4\\u03b5\\u03b6\\u03b7'
                '\\u03b8\\u03b9\\u03ba\\u03bb\\u03bc\\u03bd\\u03be\\u03bf\\u03c0\\u03c1\\u03c3'
                '\\u03c4\\u03c5\\u03c6\\u03c7\\u03c8\\u03c9\\u03c3\\u03d7\\u03d9\\u03db\\u03dd'
                '\\u03df\\u03e1\\u03e3\\u03e5\\u03e7\\u03e9\\u03eb\\u03ed\\u03ef\\u03f8\\u03fb'
                '\\u037b\\u037c\\u037d"'::jsonb #>> '{}'
            );
        end if;
        -- Cyrillic
        if v_piece ~
            e'[\\u0402-\\u042f]'
        then
            v_piece := pg_catalog.translate(
                v_piece,
                e'"\\u0402\\u0404\\u0405\\u0406\\u0408\\u0409\\u040a\\u040b\\u040f\\u0410\\u0411'
                '\\u0412\\u0413\\u0414\\u0415\\u0416\\u0417\\u0418\\u041a\\u041b\\u041c\\u041d'
                '\\u041e\\u041f\\u0420\\u0421\\u0422\\u0423\\u0424\\u0425\\u0426\\u0427\\u0428'
                '\\u0429\\u042a\\u042b\\u042c\\u042d\\u042e\\u042f"'::jsonb #>> '{}',
                e'"\\u0452\\u0454\\u0455\\u0456\\u0458\\u0459\\u045a\\u045b\\u045f\\u0430\\u0431'
                '\\u0432\\u0433\\u0434\\u0435\\u0436\\u0437\\u0438\\u043a\\u043b\\u043c\\u043d'
                '\\u043e\\u043f\\u0440\\u0441\\u0442\\u0443\\u0444\\u0445\\u0446\\u0447\\u0448'
                '\\u0449\\u044a\\u044b\\u044c\\u044d\\u044e\\u044f"'::jsonb #>> '{}'
            );
        end if;
        -- all other letters, which are rare
        if v_piece ~
            e'[\\u0181-\\u01bc\\u01e4\\u01f6-\\u01f7\\u021c-\\u0224\\u023a-\\u024e\\u0345'
            '\\u0460-\\u0480\\u048a-\\u04cd\\u04d4-\\u04d8\\u04e0\\u04e8\\u04f6-\\u0556'
            '\\u10a0-\\u10c7\\u10cd\\u13f8-\\u13fd\\u1c80-\\u1c88\\u1c90-\\u1cbf\\u1efa-\\u1efe'
            '\\u2132\\u2183\\u2c00-\\u2c2f\\u2c60-\\u2c75\\u2c7e-\\u2ce2\\u2ceb-\\u2ced\\u2cf2'
            '\\ua640-\\ua66c\\ua680-\\ua69a\\ua722-\\ua76e\\ua779-\\ua786\\ua78b-\\ua7c9\\ua7d0'
            '\\ua7d6-\\ua7d8\\ua7f5\\uab70-\\uabbf\\U00010400-\\U00010427\\U000104b0-\\U000104d3'
            '\\U00010570-\\U00010595\\U00010c80-\\U00010cb2\\U000118a0-\\U000118bf'
            '\\U00016e40-\\U00016e5f\\U0001e900-\\U0001e921]'
        then
            v_piece := pg_catalog.translate(
                v_piece,
                e'"\\u0181\\u0182\\u0184\\u0186\\u0187\\u0189\\u018a\\u018b\\u018e\\u018f\\u0190'
                '\\u0191\\u0193\\u0194\\u0196\\u0197\\u0198\\u019c\\u019d\\u019f\\u01a2\\u01a4'
                '\\u01a6\\u01a7\\u01a9\\u01ac\\u01ae\\u01b1\\u01b2\\u01b3\\u01b5\\u01b7\\u01b8'
                '\\u01bc\\u01e4\\u01f6\\u01f7\\u021c\\u0220\\u0222\\u0224\\u023a\\u023b\\u023d'
                '\\u023e\\u0241\\u0243\\u0244\\u0245\\u0246\\u0248\\u024a\\u024c\\u024e\\u0345'
                '\\u0460\\u0462\\u0464\\u0466\\u0468\\u046a\\u046c\\u046e\\u0470\\u0472\\u0474'
                '\\u0478\\u047a\\u047c\\u047e\\u0480\\u048a\\u048c\\u048e\\u0490\\u0492\\u0494'
                '\\u0496\\u0498\\u049a\\u049c\\u049e\\u04a0\\u04a2\\u04a4\\u04a6\\u04a8\\u04aa'
                '\\u04ac\\u04ae\\u04b0\\u04b2\\u04b4\\u04b6\\u04b8\\u04ba\\u04bc\\u04be\\u04c0'
                '\\u04c3\\u04c5\\u04c7\\u04c9\\u04cb\\u04cd\\u04d4\\u04d8\\u04e0\\u04e8\\u04f6'
                '\\u04fa\\u04fc\\u04fe\\u0500\\u0502\\u0504\\u0506\\u0508\\u050a\\u050c\\u050e'
                '\\u0510\\u0512\\u0514\\u0516\\u0518\\u051a\\u051c\\u051e\\u0520\\u0522\\u0524'
                '\\u0526\\u0528\\u052a\\u052c\\u052e\\u0531\\u0532\\u0533\\u0534\\u0535\\u0536'
                '\\u0537\\u0538\\u0539\\u053a\\u053b\\u053c\\u053d\\u053e\\u053f\\u0540\\u0541'
                '\\u0542\\u0543\\u0544\\u0545\\u0546\\u0547\\u0548\\u0549\\u054a\\u054b\\u054c'
                '\\u054d\\u054e\\u054f\\u0550\\u0551\\u0552\\u0553\\u0554\\u0555\\u0556\\u10a0'
                '\\u10a1\\u10a2\\u10a3\\u10a4\\u10a5\\u10a6\\u10a7\\u10a8\\u10a9\\u10aa\\u10ab'
                '\\u10ac\\u10ad\\u10ae\\u10af\\u10b0\\u10b1\\u10b2\\u10b3\\u10b4\\u10b5\\u10b6'
                '\\u10b7\\u10b8\\u10b9\\u10ba\\u10bb\\u10bc\\u10bd\\u10be\\u10bf\\u10c0\\u10c1'
                '\\u10c2\\u10c3\\u10c4\\u10c5\\u10c7\\u10cd\\u13f8\\u13f9\\u13fa\\u13fb\\u13fc'
                '\\u13fd\\u1c80\\u1c81\\u1c82\\u1c83\\u1c84\\u1c85\\u1c86\\u1c87\\u1c88\\u1c90'
                '\\u1c91\\u1c92\\u1c93\\u1c94\\u1c95\\u1c96\\u1c97\\u1c98\\u1c99\\u1c9a\\u1c9b'
                '\\u1c9c\\u1c9d\\u1c9e\\u1c9f\\u1ca0\\u1ca1\\u1ca2\\u1ca3\\u1ca4\\u1ca5\\u1ca6'
                '\\u1ca7\\u1ca8\\u1ca9\\u1caa\\u1cab\\u1cac\\u1cad\\u1cae\\u1caf\\u1cb0\\u1cb1'
                '\\u1cb2\\u1cb3\\u1cb4\\u1cb5\\u1cb6\\u1cb7\\u1cb8\\u1cb9\\u1cba\\u1cbd\\u1cbe'
                '\\u1cbf\\u1efa\\u1efc\\u1efe\\u2132\\u2183\\u2c00\\u2c01\\u2c02\\u2c03\\u2c04'
                '\\u2c05\\u2c06\\u2c07\\u2c08\\u2c09\\u2c0a\\u2c0b\\u2c0c\\u2c0d\\u2c0e\\u2c0f'
                '\\u2c10\\u2c11\\u2c12\\u2c13\\u2c14\\u2c15\\u2c16\\u2c17\\u2c18\\u2c19\\u2c1a'
                '\\u2c1b\\u2c1c\\u2c1d\\u2c1e\\u2c1f\\u2c20\\u2c21\\u2c22\\u2c23\\u2c24\\u2c25'
                '\\u2c26\\u2c27\\u2c28\\u2c29\\u2c2a\\u2c2b\\u2c2c\\u2c2d\\u2c2e\\u2c2f\\u2c60'
                '\\u2c62\\u2c63\\u2c64\\u2c67\\u2c69\\u2c6b\\u2c6d\\u2c6e\\u2c6f\\u2c70\\u2c72'
                '\\u2c75\\u2c7e\\u2c7f\\u2c80\\u2c82\\u2c84\\u2c86\\u2c88\\u2c8a\\u2c8c\\u2c8e'
                '\\u2c90\\u2c92\\u2c94\\u2c96\\u2c98\\u2c9a\\u2c9c\\u2c9e\\u2ca0\\u2ca2\\u2ca4'
                '\\u2ca6\\u2ca8\\u2caa\\u2cac\\u2cae\\u2cb0\\u2cb2\\u2cb4\\u2cb6\\u2cb8\\u2cba'
                '\\u2cbc\\u2cbe\\u2cc0\\u2cc2\\u2cc4\\u2cc6\\u2cc8\\u2cca\\u2ccc\\u2cce\\u2cd0'
                '\\u2cd2\\u2cd4\\u2cd6\\u2cd8\\u2cda\\u2cdc\\u2cde\\u2ce0\\u2ce2\\u2ceb\\u2ced'
                '\\u2cf2\\ua640\\ua642\\ua644\\ua646\\ua648\\ua64a\\ua64c\\ua64e\\ua650\\ua652'
                '\\ua654\\ua656\\ua658\\ua65a\\ua65c\\ua65e\\ua660\\ua662\\ua664\\ua666\\ua668'
                '\\ua66a\\ua66c\\ua680\\ua682\\ua684\\ua686\\ua688\\ua68a\\ua68c\\ua68e\\ua690'
                '\\ua692\\ua694\\ua696\\ua698\\ua69a\\ua722\\ua724\\ua726\\ua728\\ua72a\\ua72c'
                '\\ua72e\\ua732\\ua734\\ua736\\ua738\\ua73a\\ua73c\\ua73e\\ua740\\ua742\\ua744'
                '\\ua746\\ua748\\ua74a\\ua74c\\ua74e\\ua750\\ua752\\ua754\\ua756\\ua758\\ua75a'
                '\\ua75c\\ua75e\\ua760\\ua762\\ua764\\ua766\\ua768\\ua76a\\ua76c\\ua76e\\ua779'
                '\\ua77b\\ua77d\\ua77e\\ua780\\ua782\\ua784\\ua786\\ua78b\\ua78d\\ua790\\ua792'
                '\\ua796\\ua798\\ua79a\\ua79c\\ua79e\\ua7a0\\ua7a2\\ua7a4\\ua7a6\\ua7a8\\ua7aa'
                '\\ua7ab\\ua7ac\\ua7ad\\ua7ae\\ua7b0\\ua7b1\\ua7b2\\ua7b3\\ua7b4\\ua7b6\\ua7b8'
                '\\ua7ba\\ua7bc\\ua7be\\ua7c0\\ua7c2\\ua7c4\\ua7c5\\ua7c6\\ua7c7\\ua7c9\\ua7d0'
                '\\ua7d6\\ua7d8\\ua7f5\\uab70\\uab71\\uab72\\uab73\\uab74\\uab75\\uab76\\uab77'
                '\\uab78\\uab79\\uab7a\\uab7b\\uab7c\\uab7d\\uab7e\\uab7f\\uab80\\uab81\\uab82'
                '\\uab83\\uab84\\uab85\\uab86\\uab87\\uab88\\uab89\\uab8a\\uab8b\\uab8c\\uab8d'
                '\\uab8e\\uab8f\\uab90\\uab91\\uab92\\uab93\\uab94\\uab95\\uab96\\uab97\\uab98'
                '\\uab99\\uab9a\\uab9b\\uab9c\\uab9d\\uab9e\\uab9f\\uaba0\\uaba1\\uaba2\\uaba3'
                '\\uaba4\\uaba5\\uaba6\\uaba7\\uaba8\\uaba9\\uabaa\\uabab\\uabac\\uabad\\uabae'
                '\\uabaf\\uabb0\\uabb1\\uabb2\\uabb3\\uabb4\\uabb5\\uabb6\\uabb7\\uabb8\\uabb9'
                '\\uabba\\uabbb\\uabbc\\uabbd\\uabbe\\uabbf\\ud801\\udc00\\ud801\\udc01'
                '\\ud801\\udc02\\ud801\\udc03\\ud801\\udc04\\ud801\\udc05\\ud801\\udc06'
                '\\ud801\\udc07\\ud801\\udc08\\ud801\\udc09\\ud801\\udc0a\\ud801\\udc0b'
                '\\ud801\\udc0c\\ud801\\udc0d\\ud801\\udc0e\\ud801\\udc0f\\ud801\\udc10'
                '\\ud801\\udc11\\ud801\\udc12\\ud801\\udc13\\ud801\\udc14\\ud801\\udc15'
                '\\ud801\\udc16\\ud801\\udc17\\ud801\\udc18\\ud801\\udc19\\ud801\\udc1a'
                '\\ud801\\udc1b\\ud801\\udc1c\\ud801\\udc1d\\ud801\\udc1e\\ud801\\udc1f'
                '\\ud801\\udc20\\ud801\\udc21\\ud801\\udc22\\ud801\\udc23\\ud801\\udc24'
                '\\ud801\\udc25\\ud801\\udc26\\ud801\\udc27\\ud801\\udcb0\\ud801\\udcb1'
                '\\ud801\\udcb2\\ud801\\udcb3\\ud801\\udcb4\\ud801\\udcb5\\ud801\\udcb6'
                '\\ud801\\udcb7\\ud801\\udcb8\\ud801\\udcb9\\ud801\\udcba\\ud801\\udcbb'
                '\\ud801\\udcbc\\ud801\\udcbd\\ud801\\udcbe\\ud801\\udcbf\\ud801\\udcc0'
                '\\ud801\\udcc1\\ud801\\udcc2\\ud801\\udcc3\\ud801\\udcc4\\ud801\\udcc5'
                '\\ud801\\udcc6\\ud801\\udcc7\\ud801\\udcc8\\ud801\\udcc9\\ud801\\udcca'
                '\\ud801\\udccb\\ud801\\udccc\\ud801\\udccd\\ud801\\udcce\\ud801\\udccf'
                '\\ud801\\udcd0\\ud801\\udcd1\\ud801\\udcd2\\ud801\\udcd3\\ud801\\udd70'
                '\\ud801\\udd71\\ud801\\udd72\\ud801\\udd73\\ud801\\udd74\\ud801\\udd75'
                '\\ud801\\udd76\\ud801\\udd77\\ud801\\udd78\\ud801\\udd79\\ud801\\udd7a'
                '\\ud801\\udd7c\\ud801\\udd7d\\ud801\\udd7e\\ud801\\udd7f\\ud801\\udd80'
                '\\ud801\\udd81\\ud801\\udd82\\ud801\\udd83\\ud801\\udd84\\ud801\\udd85'
                '\\ud801\\udd86\\ud801\\udd87\\ud801\\udd88\\ud801\\udd89\\ud801\\udd8a'
                '\\ud801\\udd8c\\ud801\\udd8d\\ud801\\udd8e\\ud801\\udd8f\\ud801\\udd90'
                '\\ud801\\udd91\\ud801\\udd92\\ud801\\udd94\\ud801\\udd95\\ud803\\udc80'
                '\\ud803\\udc81\\ud803\\udc82\\ud803\\udc83\\ud803\\udc84\\ud803\\udc85'
                '\\ud803\\udc86\\ud803\\udc87\\ud803\\udc88\\ud803\\udc89\\ud803\\udc8a'
                '\\ud803\\udc8b\\ud803\\udc8c\\ud803\\udc8d\\ud803\\udc8e\\ud803\\udc8f'
                '\\ud803\\udc90\\ud803\\udc91\\ud803\\udc92\\ud803\\udc93\\ud803\\udc94'
                '\\ud803\\udc95\\ud803\\udc96\\ud803\\udc97\\ud803\\udc98\\ud803\\udc99'
                '\\ud803\\udc9a\\ud803\\udc9b\\ud803\\udc9c\\ud803\\udc9d\\ud803\\udc9e'
                '\\ud803\\udc9f\\ud803\\udca0\\ud803\\udca1\\ud803\\udca2\\ud803\\udca3'
                '\\ud803\\udca4\\ud803\\udca5\\ud803\\udca6\\ud803\\udca7\\ud803\\udca8'
                '\\ud803\\udca9\\ud803\\udcaa\\ud803\\udcab\\ud803\\udcac\\ud803\\udcad'
                '\\ud803\\udcae\\ud803\\udcaf\\ud803\\udcb0\\ud803\\udcb1\\ud803\\udcb2'
                '\\ud806\\udca0\\ud806\\udca1\\ud806\\udca2\\ud806\\udca3\\ud806\\udca4'
                '\\ud806\\udca5\\ud806\\udca6\\ud806\\udca7\\ud806\\udca8\\ud806\\udca9'
                '\\ud806\\udcaa\\ud806\\udcab\\ud806\\udcac\\ud806\\udcad\\ud806\\udcae'
                '\\ud806\\udcaf\\ud806\\udcb0\\ud806\\udcb1\\ud806\\udcb2\\ud806\\udcb3'
                '\\ud806\\udcb4\\ud806\\udcb5\\ud806\\udcb6\\ud806\\udcb7\\ud806\\udcb8'
                '\\ud806\\udcb9\\ud806\\udcba\\ud806\\udcbb\\ud806\\udcbc\\ud806\\udcbd'
                '\\ud806\\udcbe\\ud806\\udcbf\\ud81b\\ude40\\ud81b\\ude41\\ud81b\\ude42'
                '\\ud81b\\ude43\\ud81b\\ude44\\ud81b\\ude45\\ud81b\\ude46\\ud81b\\ude47'
                '\\ud81b\\ude48\\ud81b\\ude49\\ud81b\\ude4a\\ud81b\\ude4b\\ud81b\\ude4c'
                '\\ud81b\\ude4d\\ud81b\\ude4e\\ud81b\\ude4f\\ud81b\\ude50\\ud81b\\ude51'
                '\\ud81b\\ude52\\ud81b\\ude53\\ud81b\\ude54\\ud81b\\ude55\\ud81b\\ude56'
                '\\ud81b\\ude57\\ud81b\\ude58\\ud81b\\ude59\\ud81b\\ude5a\\ud81b\\ude5b'
                '\\ud81b\\ude5c\\ud81b\\ude5d\\ud81b\\ude5e\\ud81b\\ude5f\\ud83a\\udd00'
                '\\ud83a\\udd01\\ud83a\\udd02\\ud83a\\udd03\\ud83a\\udd04\\ud83a\\udd05'
                '\\ud83a\\udd06\\ud83a\\udd07\\ud83a\\udd08\\ud83a\\udd09\\ud83a\\udd0a'
                '\\ud83a\\udd0b\\ud83a\\udd0c\\ud83a\\udd0d\\ud83a\\udd0e\\ud83a\\udd0f'
                '\\ud83a\\udd10\\ud83a\\udd11\\ud83a\\udd12\\ud83a\\udd13\\ud83a\\udd14'
                '\\ud83a\\udd15\\ud83a\\udd16\\ud83a\\udd17\\ud83a\\udd18\\ud83a\\udd19'
                '\\ud83a\\udd1a\\ud83a\\udd1b\\ud83a\\udd1c\\ud83a\\udd1d\\ud83a\\udd1e'
                '\\ud83a\\udd1f\\ud83a\\udd20\\ud83a\\udd21"'::jsonb #>> '{}',
                e'"\\u0253\\u0183\\u0185\\u0254\\u0188\\u0256\\u0257\\u018c\\u01dd\\u0259\\u025b'
                '\\u0192\\u0260\\u0263\\u0269\\u0268\\u0199\\u026f\\u0272\\u0275\\u01a3\\u01a5'
                '\\u0280\\u01a8\\u0283\\u01ad\\u0288\\u028a\\u028b\\u01b4\\u01b6\\u0292\\u01b9'
                '\\u01bd\\u01e5\\u0195\\u01bf\\u021d\\u019e\\u0223\\u0225\\u2c65\\u023c\\u019a'
                '\\u2c66\\u0242\\u0180\\u0289\\u028c\\u0247\\u0249\\u024b\\u024d\\u024f\\u03b9'
                '\\u0461\\u0463\\u0465\\u0467\\u0469\\u046b\\u046d\\u046f\\u0471\\u0473\\u0475'
                '\\u0479\\u047b\\u047d\\u047f\\u0481\\u048b\\u048d\\u048f\\u0491\\u0493\\u0495'
                '\\u0497\\u0499\\u049b\\u049d\\u049f\\u04a1\\u04a3\\u04a5\\u04a7\\u04a9\\u04ab'
                '\\u04ad\\u04af\\u04b1\\u04b3\\u04b5\\u04b7\\u04b9\\u04bb\\u04bd\\u04bf\\u04cf'
                '\\u04c4\\u04c6\\u04c8\\u04ca\\u04cc\\u04ce\\u04d5\\u04d9\\u04e1\\u04e9\\u04f7'
                '\\u04fb\\u04fd\\u04ff\\u0501\\u0503\\u0505\\u0507\\u0509\\u050b\\u050d\\u050f'
                '\\u0511\\u0513\\u0515\\u0517\\u0519\\u051b\\u051d\\u051f\\u0521\\u0523\\u0525'
                '\\u0527\\u0529\\u052b\\u052d\\u052f\\u0561\\u0562\\u0563\\u0564\\u0565\\u0566'
                '\\u0567\\u0568\\u0569\\u056a\\u056b\\u056c\\u056d\\u056e\\u056f\\u0570\\u0571'
                '\\u0572\\u0573\\u0574\\u0575\\u0576\\u0577\\u0578\\u0579\\u057a\\u057b\\u057c'
                '\\u057d\\u057e\\u057f\\u0580\\u0581\\u0582\\u0583\\u0584\\u0585\\u0586\\u2d00'
                '\\u2d01\\u2d02\\u2d03\\u2d04\\u2d05\\u2d06\\u2d07\\u2d08\\u2d09\\u2d0a\\u2d0b'
                '\\u2d0c\\u2d0d\\u2d0e\\u2d0f\\u2d10\\u2d11\\u2d12\\u2d13\\u2d14\\u2d15\\u2d16'
                '\\u2d17\\u2d18\\u2d19\\u2d1a\\u2d1b\\u2d1c\\u2d1d\\u2d1e\\u2d1f\\u2d20\\u2d21'
                '\\u2d22\\u2d23\\u2d24\\u2d25\\u2d27\\u2d2d\\u13f0\\u13f1\\u13f2\\u13f3\\u13f4'
                '\\u13f5\\u0432\\u0434\\u043e\\u0441\\u0442\\u0442\\u044a\\u0463\\ua64b\\u10d0'
                '\\u10d1\\u10d2\\u10d3\\u10d4\\u10d5\\u10d6\\u10d7\\u10d8\\u10d9\\u10da\\u10db'
                '\\u10dc\\u10dd\\u10de\\u10df\\u10e0\\u10e1\\u10e2\\u10e3\\u10e4\\u10e5\\u10e6'
                '\\u10e7\\u10e8\\u10e9\\u10ea\\u10eb\\u10ec\\u10ed\\u10ee\\u10ef\\u10f0\\u10f1'
                '\\u10f2\\u10f3\\u10f4\\u10f5\\u10f6\\u10f7\\u10f8\\u10f9\\u10fa\\u10fd\\u10fe'
                '\\u10ff\\u1efb\\u1efd\\u1eff\\u214e\\u2184\\u2c30\\u2c31\\u2c32\\u2c33\\u2c34'
                '\\u2c35\\u2c36\\u2c37\\u2c38\\u2c39\\u2c3a\\u2c3b\\u2c3c\\u2c3d\\u2c3e\\u2c3f'
                '\\u2c40\\u2c41\\u2c42\\u2c43\\u2c44\\u2c45\\u2c46\\u2c47\\u2c48\\u2c49\\u2c4a'
                '\\u2c4b\\u2c4c\\u2c4d\\u2c4e\\u2c4f\\u2c50\\u2c51\\u2c52\\u2c53\\u2c54\\u2c55'
                '\\u2c56\\u2c57\\u2c58\\u2c59\\u2c5a\\u2c5b\\u2c5c\\u2c5d\\u2c5e\\u2c5f\\u2c61'
                '\\u026b\\u1d7d\\u027d\\u2c68\\u2c6a\\u2c6c\\u0251\\u0271\\u0250\\u0252\\u2c73'
                '\\u2c76\\u023f\\u0240\\u2c81\\u2c83\\u2c85\\u2c87\\u2c89\\u2c8b\\u2c8d\\u2c8f'
                '\\u2c91\\u2c93\\u2c95\\u2c97\\u2c99\\u2c9b\\u2c9d\\u2c9f\\u2ca1\\u2ca3\\u2ca5'
                '\\u2ca7\\u2ca9\\u2cab\\u2cad\\u2caf\\u2cb1\\u2cb3\\u2cb5\\u2cb7\\u2cb9\\u2cbb'
                '\\u2cbd\\u2cbf\\u2cc1\\u2cc3\\u2cc5\\u2cc7\\u2cc9\\u2ccb\\u2ccd\\u2ccf\\u2cd1'
                '\\u2cd3\\u2cd5\\u2cd7\\u2cd9\\u2cdb\\u2cdd\\u2cdf\\u2ce1\\u2ce3\\u2cec\\u2cee'
                '\\u2cf3\\ua641\\ua643\\ua645\\ua647\\ua649\\ua64b\\ua64d\\ua64f\\ua651\\ua653'
                '\\ua655\\ua657\\ua659\\ua65b\\ua65d\\ua65f\\ua661\\ua663\\ua665\\ua667\\ua669'
                '\\ua66b\\ua66d\\ua681\\ua683\\ua685\\ua687\\ua689\\ua68b\\ua68d\\ua68f\\ua691'
                '\\ua693\\ua695\\ua697\\ua699\\ua69b\\ua723\\ua725\\ua727\\ua729\\ua72b\\ua72d'
                '\\ua72f\\ua733\\ua735\\ua737\\ua739\\ua73b\\ua73d\\ua73f\\ua741\\ua743\\ua745'
                '\\ua747\\ua749\\ua74b\\ua74d\\ua74f\\ua751\\ua753\\ua755\\ua757\\ua759\\ua75b'
                '\\ua75d\\ua75f\\ua761\\ua763\\ua765\\ua767\\ua769\\ua76b\\ua76d\\ua76f\\ua77a'
                '\\ua77c\\u1d79\\ua77f\\ua781\\ua783\\ua785\\ua787\\ua78c\\u0265\\ua791\\ua793'
                '\\ua797\\ua799\\ua79b\\ua79d\\ua79f\\ua7a1\\ua7a3\\ua7a5\\ua7a7\\ua7a9\\u0266'
                '\\u025c\\u0261\\u026c\\u026a\\u029e\\u0287\\u029d\\uab53\\ua7b5\\ua7b7\\ua7b9'
                '\\ua7bb\\ua7bd\\ua7bf\\ua7c1\\ua7c3\\ua794\\u0282\\u1d8e\\ua7c8\\ua7ca\\ua7d1'
                '\\ua7d7\\ua7d9\\ua7f6\\u13a0\\u13a1\\u13a2\\u13a3\\u13a4\\u13a5\\u13a6\\u13a7'
                '\\u13a8\\u13a9\\u13aa\\u13ab\\u13ac\\u13ad\\u13ae\\u13af\\u13b0\\u13b1\\u13b2'
                '\\u13b3\\u13b4\\u13b5\\u13b6\\u13b7\\u13b8\\u13b9\\u13ba\\u13bb\\u13bc\\u13bd'
                '\\u13be\\u13bf\\u13c0\\u13c1\\u13c2\\u13c3\\u13c4\\u13c5\\u13c6\\u13c7\\u13c8'
                '\\u13c9\\u13ca\\u13cb\\u13cc\\u13cd\\u13ce\\u13cf\\u13d0\\u13d1\\u13d2\\u13d3'
                '\\u13d4\\u13d5\\u13d6\\u13d7\\u13d8\\u13d9\\u13da\\u13db\\u13dc\\u13dd\\u13de'
                '\\u13df\\u13e0\\u13e1\\u13e2\\u13e3\\u13e4\\u13e5\\u13e6\\u13e7\\u13e8\\u13e9'
                '\\u13ea\\u13eb\\u13ec\\u13ed\\u13ee\\u13ef\\ud801\\udc28\\ud801\\udc29'
                '\\ud801\\udc2a\\ud801\\udc2b\\ud801\\udc2c\\ud801\\udc2d\\ud801\\udc2e'
                '\\ud801\\udc2f\\ud801\\udc30\\ud801\\udc31\\ud801\\udc32\\ud801\\udc33'
                '\\ud801\\udc34\\ud801\\udc35\\ud801\\udc36\\ud801\\udc37\\ud801\\udc38'
                '\\ud801\\udc39\\ud801\\udc3a\\ud801\\udc3b\\ud801\\udc3c\\ud801\\udc3d'
                '\\ud801\\udc3e\\ud801\\udc3f\\ud801\\udc40\\ud801\\udc41\\ud801\\udc42'
                '\\ud801\\udc43\\ud801\\udc44\\ud801\\udc45\\ud801\\udc46\\ud801\\udc47'
                '\\ud801\\udc48\\ud801\\udc49\\ud801\\udc4a\\ud801\\udc4b\\ud801\\udc4c'
                '\\ud801\\udc4d\\ud801\\udc4e\\ud801\\udc4f\\ud801\\udcd8\\ud801\\udcd9'
                '\\ud801\\udcda\\ud801\\udcdb\\ud801\\udcdc\\ud801\\udcdd\\ud801\\udcde'
                '\\ud801\\udcdf\\ud801\\udce0\\ud801\\udce1\\ud801\\udce2\\ud801\\udce3'
                '\\ud801\\udce4\\ud801\\udce5\\ud801\\udce6\\ud801\\udce7\\ud801\\udce8'
                '\\ud801\\udce9\\ud801\\udcea\\ud801\\udceb\\ud801\\udcec\\ud801\\udced'
                '\\ud801\\udcee\\ud801\\udcef\\ud801\\udcf0\\ud801\\udcf1\\ud801\\udcf2'
                '\\ud801\\udcf3\\ud801\\udcf4\\ud801\\udcf5\\ud801\\udcf6\\ud801\\udcf7'
                '\\ud801\\udcf8\\ud801\\udcf9\\ud801\\udcfa\\ud801\\udcfb\\ud801\\udd97'
                '\\ud801\\udd98\\ud801\\udd99\\ud801\\udd9a\\ud801\\udd9b\\ud801\\udd9c'
                '\\ud801\\udd9d\\ud801\\udd9e\\ud801\\udd9f\\ud801\\udda0\\ud801\\udda1'
                '\\ud801\\udda3\\ud801\\udda4\\ud801\\udda5\\ud801\\udda6\\ud801\\udda7'
                '\\ud801\\udda8\\ud801\\udda9\\ud801\\uddaa\\ud801\\uddab\\ud801\\uddac'
                '\\ud801\\uddad\\ud801\\uddae\\ud801\\uddaf\\ud801\\uddb0\\ud801\\uddb1'
                '\\ud801\\uddb3\\ud801\\uddb4\\ud801\\uddb5\\ud801\\uddb6\\ud801\\uddb7'
                '\\ud801\\uddb8\\ud801\\uddb9\\ud801\\uddbb\\ud801\\uddbc\\ud803\\udcc0'
                '\\ud803\\udcc1\\ud803\\udcc2\\ud803\\udcc3\\ud803\\udcc4\\ud803\\udcc5'
                '\\ud803\\udcc6\\ud803\\udcc7\\ud803\\udcc8\\ud803\\udcc9\\ud803\\udcca'
                '\\ud803\\udccb\\ud803\\udccc\\ud803\\udccd\\ud803\\udcce\\ud803\\udccf'
                '\\ud803\\udcd0\\ud803\\udcd1\\ud803\\udcd2\\ud803\\udcd3\\ud803\\udcd4'
                '\\ud803\\udcd5\\ud803\\udcd6\\ud803\\udcd7\\ud803\\udcd8\\ud803\\udcd9'
                '\\ud803\\udcda\\ud803\\udcdb\\ud803\\udcdc\\ud803\\udcdd\\ud803\\udcde'
                '\\ud803\\udcdf\\ud803\\udce0\\ud803\\udce1\\ud803\\udce2\\ud803\\udce3'
                '\\ud803\\udce4\\ud803\\udce5\\ud803\\udce6\\ud803\\udce7\\ud803\\udce8'
                '\\ud803\\udce9\\ud803\\udcea\\ud803\\udceb\\ud803\\udcec\\ud803\\udced'
                '\\ud803\\udcee\\ud803\\udcef\\ud803\\udcf0\\ud803\\udcf1\\ud803\\udcf2'
                '\\ud806\\udcc0\\ud806\\udcc1\\ud806\\udcc2\\ud806\\udcc3\\ud806\\udcc4'
                '\\ud806\\udcc5\\ud806\\udcc6\\ud806\\udcc7\\ud806\\udcc8\\ud806\\udcc9'
                '\\ud806\\udcca\\ud806\\udccb\\ud806\\udccc\\ud806\\udccd\\ud806\\udcce'
                '\\ud806\\udccf\\ud806\\udcd0\\ud806\\udcd1\\ud806\\udcd2\\ud806\\udcd3'
                '\\ud806\\udcd4\\ud806\\udcd5\\ud806\\udcd6\\ud806\\udcd7\\ud806\\udcd8'
                '\\ud806\\udcd9\\ud806\\udcda\\ud806\\udcdb\\ud806\\udcdc\\ud806\\udcdd'
                '\\ud806\\udcde\\ud806\\udcdf\\ud81b\\ude60\\ud81b\\ude61\\ud81b\\ude62'
                '\\ud81b\\ude63\\ud81b\\ude64\\ud81b\\ude65\\ud81b\\ude66\\ud81b\\ude67'
                '\\ud81b\\ude68\\ud81b\\ude69\\ud81b\\ude6a\\ud81b\\ude6b\\ud81b\\ude6c'
                '\\ud81b\\ude6d\\ud81b\\ude6e\\ud81b\\ude6f\\ud81b\\ude70\\ud81b\\ude71'
                '\\ud81b\\ude72\\ud81b\\ude73\\ud81b\\ude74\\ud81b\\ude75\\ud81b\\ude76'
                '\\ud81b\\ude77\\ud81b\\ude78\\ud81b\\ude79\\ud81b\\ude7a\\ud81b\\ude7b'
                '\\ud81b\\ude7c\\ud81b\\ude7d\\ud81b\\ude7e\\ud81b\\ude7f\\ud83a\\udd22'
                '\\ud83a\\udd23\\ud83a\\udd24\\ud83a\\udd25\\ud83a\\udd26\\ud83a\\udd27'
                '\\ud83a\\udd28\\ud83a\\udd29\\ud83a\\udd2a\\ud83a\\udd2b\\ud83a\\udd2c'
                '\\ud83a\\udd2d\\ud83a\\udd2e\\ud83a\\udd2f\\ud83a\\udd30\\ud83a\\udd31'
                '\\ud83a\\udd32\\ud83a\\udd33\\ud83a\\udd34\\ud83a\\udd35\\ud83a\\udd36'
                '\\ud83a\\udd37\\ud83a\\udd38\\ud83a\\udd39\\ud83a\\udd3a\\ud83a\\udd3b'
                '\\ud83a\\udd3c\\ud83a\\udd3d\\ud83a\\udd3e\\ud83a\\udd3f\\ud83a\\udd40'
                '\\ud83a\\udd41\\ud83a\\udd42\\ud83a\\udd43"'::jsonb #>> '{}'
            );
        end if;
        -- end
        v_text := v_text || pg_catalog.normalize(v_piece, 'NFKC');
    end loop;
    return pg_catalog.btrim(pg_catalog.regexp_replace(
        v_text, e'[\\t-\\r \\u0085\\u1680\\u2028\\u2029]+', ' ', 'g'
    ), ' ');
end
$_import_key$;

comment on function tandem._import_key(text) is
'import_key of a text that is not all ASCII. All may execute it, as import_key says.';
