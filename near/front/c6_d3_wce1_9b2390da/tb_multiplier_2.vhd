-- Checks multiplier_2 against multiplier_2_vectors.mem, which must lie in the folder this is run in.
-- A line of that file is 1, care bits, expected bits, input bits.
library ieee;
use ieee.std_logic_1164.all;
use std.textio.all;

entity tb_multiplier_2 is
end entity tb_multiplier_2;

architecture test of tb_multiplier_2 is
    constant vectors : natural := 16;
    constant width : natural := 13;
    constant zeros : std_logic_vector(3 downto 0) := (others => '0');
    subtype vector is std_logic_vector(width - 1 downto 0);
    subtype input_bits is std_logic_vector(3 downto 0);
    subtype output_bits is std_logic_vector(3 downto 0);

    file stimuli : text;
    signal inputs : input_bits;
    signal got : output_bits;

    -- Bits as characters; whatever is neither 0 nor 1 is x.
    function image(bits : std_logic_vector) return string is
        variable result : string(1 to bits'length);
        variable place : natural := 0;
    begin
        for index in bits'range loop
            place := place + 1;
            case bits(index) is
                when '0' => result(place) := '0';
                when '1' => result(place) := '1';
                when others => result(place) := 'x';
            end case;
        end loop;
        return result;
    end function image;
begin
    dut : entity work.multiplier_2 port map (
        a => inputs(1 downto 0),
        b => inputs(3 downto 2),
        p => got(3 downto 0)
    );

    process
        variable failed : natural := 0;
        variable loaded : natural := 0;
        variable unused : natural := 0;
        variable current : vector;

        procedure say(message : string) is
            variable text_line : line;
        begin
            write(text_line, message);
            writeline(output, text_line);
        end procedure say;

        -- Opens the file; one that is not there gives no vectors.
        procedure open_file(file source : text; found : out boolean) is
            variable status : file_open_status;
        begin
            file_open(status, source, "multiplier_2_vectors.mem", read_mode);
            found := status = open_ok;
        end procedure open_file;

        -- Takes the next vector, all x if there is none, and counts it.
        procedure take(
            file source : text; found : boolean; value : out vector; count : inout natural
        ) is
            variable text_line : line;
            variable characters : string(1 to width);
            variable good : boolean := false;
            variable bits : vector := (others => 'X');
        begin
            if found then
                if not endfile(source) then
                    readline(source, text_line);
                    read(text_line, characters, good);
                end if;
            end if;
            if good then
                for place in characters'range loop
                    if characters(place) = '0' then
                        bits(width - place) := '0';
                    elsif characters(place) = '1' then
                        bits(width - place) := '1';
                    end if;
                end loop;
            end if;
            if bits(width - 1) = '1' then
                count := count + 1;
            end if;
            value := bits;
        end procedure take;

        procedure mismatch(index : natural; given : vector; care, expected : output_bits) is
        begin
            say("MISMATCH vector=" & integer'image(index)
                & " inputs=" & image(given(3 downto 0))
                & " care=" & image(care) & " expected=" & image(expected)
                & " got=" & image(got));
        end procedure mismatch;

        procedure check(index : natural; wanted : vector) is
            variable care : output_bits := wanted(11 downto 8);
            variable expected : output_bits := wanted(7 downto 4);
        begin
            if wanted(width - 1) /= '1' or ((got xor expected) and care) /= zeros then
                failed := failed + 1;
                if failed <= 10 then
                    mismatch(index, wanted, care, expected);
                end if;
            end if;
        end procedure check;

        variable found : boolean;
    begin
        open_file(stimuli, found);
        for index in 0 to vectors - 1 loop
            take(stimuli, found, current, loaded);
            inputs <= current(3 downto 0);
            wait for 1 ns;
            check(index, current);
        end loop;
        if loaded /= vectors then
            say("ERROR: read " & integer'image(loaded) & " of " & integer'image(vectors)
                & " vectors from multiplier_2_vectors.mem");
        end if;
        if failed /= 0 then
            say("FAIL " & integer'image(failed) & " of " & integer'image(vectors));
            assert false report "the design does not do what its vectors say" severity failure;
        else
            say("PASS " & integer'image(vectors) & " vectors");
        end if;
        wait;
    end process;
end architecture test;
